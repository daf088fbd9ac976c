import { spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'

/** A package that may import what the sample imports. */
const folder = join(import.meta.dirname, '../docs/examples/shop')
const file = join(folder, `readme-sample-${process.pid}.ts`)
afterEach(() => rmSync(file, { force: true }))

test('the sample of the README runs its job, stays, and stops gracefully on SIGTERM', async () => {
  const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
  const [, sample = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? []
  expect(sample).toContain('defineJob')
  const pay = '\nasync function pay(...all: unknown[]) { console.log("paid", JSON.stringify(all)) }\n'
  writeFileSync(file, sample.replace('delayMs: 5_000', 'delayMs: 5') + pay)
  const child = spawn(process.execPath, [file], {
    cwd: folder,
    env: { ...process.env, SWITCHYARD_BROKER_URL: 'memory:' },
  })
  let out = ''
  const completed = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk) => {
      out += String(chunk)
      if (out.includes('job.completed')) resolve()
    })
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  await Promise.race([completed, ended])
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
  expect(out).toContain('"idempotencyKey":"charge:o-17"')
  expect(out).toContain('worker.stopped')
})
