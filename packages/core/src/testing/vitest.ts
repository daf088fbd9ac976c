/**
 * `import '@switchyard/core/testing/vitest'` in a test (or a setup file): the yard matchers, with their types. For vitest 5,
 * whose `Matchers` has these parameters.
 */
import { expect } from 'vitest'
import { type YardMatchers, yardMatchers } from './matchers.ts'

declare module 'vitest' {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown>
    extends YardMatchers<Promise<void>> {}
}

expect.extend(yardMatchers as unknown as Parameters<typeof expect.extend>[0])
