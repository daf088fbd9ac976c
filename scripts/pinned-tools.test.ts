import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const pinned = (name: string) =>
  new RegExp(`${name}_VERSION = '([^']+)'`).exec(read('scripts/pinned-tools.mjs'))?.[1] ?? 'none'

test('the Node that the bootstrap fetches is the one that packages and pages name', () => {
  expect(JSON.parse(read('package.json')).devDependencies.node).toBe(pinned('NODE'))
  expect(read('CONTRIBUTING.md')).toContain(`-p node@${pinned('NODE')} -p pnpm@${pinned('PNPM')} --`)
})
