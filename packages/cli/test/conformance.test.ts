import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Report } from '@switchyard/conformance'
import { afterAll, describe, expect, test } from 'vitest'
import { run } from './command.ts'

const SUBJECT = fileURLToPath(new URL('../../adapters/memory/test/subject.ts', import.meta.url))
// Inside the package, so that the scaffold finds @switchyard/*.
const folder = mkdtempSync(fileURLToPath(new URL('./scaffold-', import.meta.url)))
const elsewhere = mkdtempSync(join(tmpdir(), 'switchyard-conformance-cli-'))
afterAll(() => {
  for (const one of [folder, elsewhere]) rmSync(one, { recursive: true, force: true })
})

describe('conformance run', () => {
  test('a full run ends with 0 and can be saved, rendered and compared', async () => {
    const saved = join(elsewhere, 'memory.json')
    const { code, out } = await run(['conformance', 'run', SUBJECT, '--out', saved])
    expect([code, out]).toEqual([0, expect.stringMatching(/memory: \d+ passed, 0 failed/)])
    const report = JSON.parse(readFileSync(saved, 'utf8')) as Report
    expect([report.ok, report.partial, report.results.length]).toEqual([true, false, report.suite.clauses])

    const junit = await run(['conformance', 'report', saved, '--format', 'junit'])
    expect(junit.out).toMatch(/<testsuite name="conformance of memory" tests="\d+" failures="0" errors="0"/)
    const html = await run(['conformance', 'report', saved, '--format', 'html'])
    expect(html.out).toMatch(/<h1>Conformance of memory: conforms<\/h1>/)
    expect(html.out).not.toMatch(/<script|https?:/)
    const markdown = await run(['conformance', 'report', saved])
    expect(markdown.out).toMatch(/^# Conformance of memory: conforms\n/)

    const worse = join(elsewhere, 'worse.json')
    const results = report.results.map((one) =>
      one.id === 'A3' ? { ...one, status: 'failed', why: 'came back' } : one,
    )
    writeFileSync(worse, JSON.stringify({ ...report, results }))
    expect((await run(['conformance', 'diff', saved, saved])).code).toBe(0)
    const diff = await run(['conformance', 'diff', saved, worse])
    expect([diff.code, diff.out]).toEqual([1, expect.stringMatching(/A3 +passed +failed +regression +came back/)])
    expect((await run(['conformance', 'diff', worse, saved])).code).toBe(0)
  })

  test('what was left out makes a run partial: 2', async () => {
    const { code, out } = await run(['conformance', 'run', SUBJECT, '--only', 'A3'])
    expect([code, out]).toEqual([2, expect.stringMatching(/partial: 1 of \d+ clauses/)])
  })

  test.each([
    ['a path that does not exist', ['run', 'nowhere.ts'], /nowhere.ts does not exist/],
    ['a module that is no subject', ['run', '../command.ts'], /must export `const subject: Subject`/],
    ['an unknown clause', ['run', SUBJECT, '--only', 'A3,B9'], /no clause B9; see: switchyard conformance list/],
    ['an unknown clause to explain', ['explain', 'Z1'], /no clause Z1/],
    ['a report that is not there', ['report', 'nowhere.json'], /nowhere.json does not exist/],
    ['a report that is none', ['report', '../../package.json'], /no report of schema/],
    ['a repeat that is no number', ['run', SUBJECT, '--repeat', 'often'], /--repeat must be a whole number/],
  ])('%s: 64 and one sentence', async (_, args, message) => {
    const { code, err } = await run(['conformance', ...args])
    expect([code, err]).toEqual([64, expect.stringMatching(message)])
    expect(err.trim().split('\n')).toHaveLength(1)
  })

  test('a broker that does not start: 3', async () => {
    const file = join(elsewhere, 'no-broker.mjs')
    const start = "start: () => Promise.reject(new Error('connect ECONNREFUSED 127.0.0.1:5672'))"
    writeFileSync(file, `export const subject = { name: 'acme', open() {}, ${start} }\n`)
    const { code, err } = await run(['conformance', 'run', file])
    expect([code, err.trim()]).toEqual([
      3,
      'switchyard: the broker of acme did not start: connect ECONNREFUSED 127.0.0.1:5672',
    ])
  })
})

describe('conformance init', () => {
  test('writes a package whose suite runs and fails because nothing is written yet', async () => {
    const made = await run(['conformance', 'init', 'acme-mq', '--dir', folder])
    expect(made.code).toBe(0)
    const { code, out } = await run(['conformance', 'run', join(folder, 'test/subject.ts'), '--only', 'A1,A22,A35'])
    expect([code, out]).toEqual([1, expect.stringMatching(/✗ A1 .*\n.*declare is not written yet/)])
    expect(out).toMatch(/✗ A22 .*\n.*declare is not written yet/)
    expect(out).toMatch(/- A35 .*\n.*not-applicable: unreachable: not written yet/)
    const again = await run(['conformance', 'init', 'acme-mq', '--dir', folder])
    expect([again.code, again.err]).toEqual([
      64,
      expect.stringMatching(/already has package.json.*nothing was written/),
    ])
  })
})

test('explain names the mistakes that a clause catches', async () => {
  const { code, out } = await run(['conformance', 'explain', 'a7'])
  expect([code, out]).toEqual([0, expect.stringMatching(/^A7: .*\n\n.*\n {2}- .*\(`M-move-unfenced`\)/s)])
})
