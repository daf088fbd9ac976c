import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { cases } from '../src/index.ts'

test('node:test runs every case; what is not applicable is skipped with its reason', async () => {
  const file = fileURLToPath(new URL('./node-test-main.ts', import.meta.url))
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: '' }
  const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', file], { env })
  expect(stdout).toContain(`# tests ${cases.length}`)
  expect(stdout).toContain('# fail 0')
  expect(stdout).toMatch(/A13 .* # SKIP not-applicable: cut: embedded/)
}, 120_000)
