import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemClock } from '@switchyard/core/adapter'
import { sqlite } from '../src/index.ts'

/** `node test/bench-idle.ts [messages]`: how soon an idle worker in another process has a message, and what idling costs it. */
const messages = Number(process.argv[2] ?? 300)
const folder = mkdtempSync(join(tmpdir(), 'switchyard-idle-'))
const file = join(folder, 'jobs.db')
const host = {
  clock: systemClock,
  log: silentLogger,
  callDeadlineMs: 30_000,
  connectDeadlineMs: 10_000,
  report: console.error,
}
const adapter = await sqlite({ file })(host)
for (const name of ['q', 'noise']) await adapter.declare({ name, leaseMs: 30_000, ordered: false, dedupeMs: 0 })
const child = fork(new URL('./idle-child.ts', import.meta.url), [file])
await once(child, 'message')
const send = (queue: string) => {
  const body = String(performance.timeOrigin + performance.now())
  return adapter.send(queue, [{ id: randomUUID(), name: 'idle', body, delayMs: 0 }])
}
const share = async () => {
  child.send('share')
  const [{ share }] = await once(child, 'message')
  return Number((share * 100).toFixed(3))
}

await systemClock.sleep(1_000)
await share()
await systemClock.sleep(15_000)
const idleCpuPercent = await share()
const took: number[] = []
for (let sent = 0; sent < messages; sent += 1) {
  const answer = once(child, 'message')
  await send('q')
  took.push((await answer)[0].tookMs)
  await systemClock.sleep(Math.random() * 40)
}
await share()
const until = performance.now() + 10_000
let commits = 0
while (performance.now() < until) {
  await Promise.all([send('noise'), systemClock.sleep(1)])
  commits += 1
}
const busyFileCpuPercent = await share()
took.sort((a, b) => a - b)
const at = (part: number) => Number(took[Math.min(took.length - 1, Math.floor(took.length * part))]?.toFixed(2))
const wakeMs = { p50: at(0.5), p99: at(0.99), max: at(1) }
console.log(
  JSON.stringify({ messages, wakeMs, idleCpuPercent, busyFileCpuPercent, foreignCommitsPerSecond: commits / 10 }),
)
child.kill('SIGKILL')
await adapter.close()
rmSync(folder, { recursive: true, force: true })
