import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const { apiReport } = await import(new URL('./api-report.mjs', import.meta.url).href)
const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'api-report-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The lines of code in the report of a package with these declaration files, the first of which is its entry. */
function reported(files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const exports = { '.': { types: `./${Object.keys(files)[0]}`, default: './index.js' }, './package.json': './p.json' }
  const report = apiReport({ name: '@x/y', folder: relative(root, folder), manifest: { publishConfig: { exports } } })
  return /```ts\n(.*)```/s.exec(report)?.[1] ?? ''
}

test('public names are listed with their declarations, sorted, followed through the package, without comments', () => {
  const text = reported({
    'index.d.ts': `
      import type { Far } from 'far';
      export * from './other.js';
      export { inner as outer } from './other.js';
      export { far } from 'far';
      declare const local: Far;
      export { local };`,
    'other.d.ts': `
      /** Of zed. */
      export interface Zed { /** Of a. */ readonly a: string }
      export declare function inner(): void;
      declare const secret: 1;`,
  })
  expect(text.replace(/\n+/g, '\n').trim().split('\n')).toEqual([
    'export interface Zed {  readonly a: string }',
    `export { far } from 'far'`,
    'export declare function inner(): void;',
    'declare const local: Far;',
    '// exported as outer',
    'export declare function inner(): void;',
  ])
})

test('a name that does not exist where it is said to come from is an error', () => {
  const files = { 'index.d.ts': `export { gone } from './other.js'`, 'other.d.ts': 'export {}' }
  expect(() => reported(files)).toThrow(/exports gone from .\/other.js, which does not have it/)
})
