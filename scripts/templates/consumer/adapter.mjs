// What an adapter's author or a curious user does: one message through the seam, in JavaScript.
import assert from 'node:assert/strict'
import { silentLogger, systemClock } from '@switchyard/core/adapter'
import { memory } from '@switchyard/memory'
import { sqlite } from '@switchyard/sqlite'

const host = {
  clock: systemClock,
  log: silentLogger,
  callDeadlineMs: 30_000,
  connectDeadlineMs: 10_000,
  report(fault) {
    throw fault
  },
}

for (const open of [memory(), sqlite({ file: 'adapter.db' })]) {
  const adapter = await open(host)
  await adapter.declare({ name: 'orders', leaseMs: 30_000, ordered: false, dedupeMs: 0 })
  const message = { id: crypto.randomUUID(), name: 'charge', body: '{"cents":4200}', delayMs: 0 }
  assert.deepEqual(await adapter.send('orders', [message]), ['accepted'])
  const consumer = await adapter.consume('orders', { leaseMs: 30_000, prefetch: 0, lost() {} })
  const [delivery] = await consumer.receive(1, new AbortController().signal)
  assert.equal(delivery.message.body, message.body)
  assert.deepEqual(await consumer.settle([{ kind: 'complete', delivery }]), ['settled'])
  await consumer.close()
  await adapter.close()
  console.log(`${adapter.name}: one message sent, leased and completed through the seam`)
}
