import { silentLogger, systemClock } from '@switchyard/core/adapter'
import { sqlite } from '../src/index.ts'

/** An idle worker for bench-idle.ts: prints the delay between send and receipt of each message, and its CPU share when told to. */
const file = process.argv[2] ?? ''
const host = {
  clock: systemClock,
  log: silentLogger,
  callDeadlineMs: 30_000,
  connectDeadlineMs: 10_000,
  report: console.error,
}
const adapter = await sqlite({ file })(host)
const consumer = await adapter.consume('q', { leaseMs: 30_000, prefetch: 0, lost() {} })
let [cpu, since] = [process.cpuUsage(), performance.now()]
process.on('disconnect', () => process.exit(1))
process.on('message', () => {
  const { user, system } = process.cpuUsage(cpu)
  const share = (user + system) / 1_000 / (performance.now() - since)
  cpu = process.cpuUsage()
  since = performance.now()
  process.send?.({ share })
})
process.send?.({ ready: true })
for (;;) {
  const deliveries = await consumer.receive(1, new AbortController().signal)
  const now = performance.timeOrigin + performance.now()
  for (const { message } of deliveries) process.send?.({ tookMs: now - Number(message.body) })
  await consumer.settle(deliveries.map((delivery) => ({ kind: 'complete', delivery })))
}
