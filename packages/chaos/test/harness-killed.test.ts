import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

/** Polls across processes, with a deadline: nothing of the other process can be awaited here. */
async function until(what: string, holds: () => boolean, deadlineMs: number): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await sleep(50)
  }
}

function lines(dir: string, kind: string): readonly { readonly pid?: number; readonly type?: string }[] {
  if (!existsSync(dir)) return []
  const text = readdirSync(dir).map((name) => readFileSync(join(dir, name), 'utf8'))
  const whole = text.flatMap((part) => part.split('\n').slice(0, -1))
  return whole.map((line) => JSON.parse(line)).filter((event) => event.kind === kind)
}

function alive(pid: number): boolean {
  const file = `/proc/${pid}/status`
  return existsSync(file) && !/^State:\s+Z/m.test(readFileSync(file, 'utf8'))
}

it('leaves no worker behind when the harness itself is killed, not even a frozen one', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'switchyard-killed-'))
  const history = join(dir, 'history')
  const app = fileURLToPath(new URL('./charge-app.ts', import.meta.url))
  const sizes = { jobs: 150, leaseMs: 1_500, kills: 0, freezes: 1, lapses: 0, stops: 0 }
  const options = { app, broker: `sqlite:${join(dir, 'jobs.db')}`, seed: 3, dir, variant: 'careful', sizes }
  const main = fileURLToPath(new URL('./harness-main.ts', import.meta.url))
  const harness = spawn(process.execPath, [main, JSON.stringify(options)], { stdio: 'inherit' })
  try {
    await until('a freeze', () => lines(history, 'fault.hit').some(({ type }) => type === 'freeze'), 30_000)
    harness.kill('SIGKILL')
    await once(harness, 'exit')
    const pids = lines(history, 'worker.start').map(({ pid }) => pid ?? 0)
    expect(pids.length).toBeGreaterThanOrEqual(3)
    await until('every worker gone', () => !pids.some(alive), 20_000)
  } finally {
    harness.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
})
