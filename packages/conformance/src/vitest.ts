import { afterAll, beforeAll, describe, test } from 'vitest'
import { cases } from './cases/index.ts'
import type { Session } from './session.ts'
import { openSession } from './session.ts'
import { SKIPPED } from './skipped.ts'

/** Our own runner has the deadlines; vitest's is only a net above them. */
const NET_MS = 240_000

/**
 * Runs every case as a vitest test against the subject that the module exports:
 * `describeConformance(new URL('./subject.ts', import.meta.url))`. Collecting needs no connection. What is not applicable or
 * could not be verified is skipped with its reason.
 */
export function describeConformance(subjectModule: URL): void {
  describe(`conformance of ${subjectModule.pathname.split('/').slice(-3).join('/')}`, () => {
    let session: Session | undefined
    beforeAll(async () => {
      session = await openSession(subjectModule.href, { watchProcess: true })
    }, NET_MS)
    afterAll(async () => {
      await session?.[Symbol.asyncDispose]()
    }, NET_MS)
    for (const one of cases)
      test(`${one.id} ${one.title}`, { timeout: NET_MS }, async (context) => {
        if (session === undefined) throw new Error('the broker under test did not start')
        const result = await session.run(one)
        if (result.status === 'passed') return
        // Only what is not the adapter's fault is skipped; an adapter that never connected is red.
        if (!SKIPPED.has(result.status)) throw new Error(`${one.id} ${result.status}: ${result.why}`)
        context.skip(`${result.status}: ${result.why}`)
      })
  })
}
