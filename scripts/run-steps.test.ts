import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

const STEPS = [
  { group: 'a', name: 'good', command: ['node', '-e', 'console.log("good ran")'] },
  { group: 'b', name: 'bad', command: ['node', '-e', 'process.exit(3)'] },
  { group: 'c', name: 'gone', command: ['no-such-program'] },
  { group: 'c', name: 'last', command: ['node', '-e', 'console.log("last ran")'] },
]

function run(...args: string[]): { readonly code: number | null; readonly output: string } {
  const program = `
    import { runSteps } from ${JSON.stringify(new URL('run-steps.mjs', import.meta.url).href)}
    process.exitCode = await runSteps('all', ${JSON.stringify(STEPS)}, ${JSON.stringify(args)})`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  return { code: status, output: stdout + stderr }
}

test('a failed step stops neither the others nor the bad news', () => {
  const { code, output } = run()
  expect(code).toBe(1)
  expect(output).toMatch(/^good ran$/m)
  expect(output).toMatch(/^last ran$/m)
  expect(output).toMatch(/^ {2}good +passed +\d+\.\d s$/m)
  expect(output).toMatch(/^ {2}bad +failed \(exit code 3\) +\d+\.\d s$/m)
  expect(output).toMatch(/^ {2}gone +failed \(.*ENOENT\)/m)
  expect(output).toMatch(/^ {2}all +2 of 4 did not pass/m)
})

test('only the groups that were asked for run', () => {
  const { code, output } = run('--only', 'a')
  expect(code).toBe(0)
  expect(output).toContain('good ran')
  expect(output).not.toContain('last ran')
})

test.each([[['--only', 'a,nonsense']], [['--only']], [['--onyl', 'a']], [['a']]])('%j is a usage error', (args) => {
  const { code, output } = run(...args)
  expect(code).toBe(64)
  expect(output).toContain('groups: a, b, c')
})
