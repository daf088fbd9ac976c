import { expect, test } from 'vitest'
import { batchesOf } from './batches.ts'
import { fromNative, refusalOf, toEntry } from './wire.ts'

const message = (body: string, parts = {}) => ({ id: 'id', name: 'job', body, delayMs: 0, ...parts })

test('an entry weighs what SQS counts: body, names, types and values in UTF-8', () => {
  const { bytes } = toEntry(message('"ü"'), { fifo: false, dedupeId: 'd' })
  expect(bytes).toBe(4 + 'switchyard.id'.length + 'String'.length + 2 + 'switchyard.name'.length + 'String'.length + 3)
})

test('batches hold ten entries and 1 MiB at most, in order', () => {
  const sizes = [...Array.from({ length: 11 }, () => 1), 1_048_576, 600_000, 448_576, 1]
  expect(batchesOf(sizes, (size) => size).map((batch) => batch.length)).toEqual([10, 1, 1, 2, 1])
})

test('order keys become message groups that SQS takes; without one a message is a group of its own', () => {
  const groupOf = (orderKey?: string) =>
    toEntry(message('1', orderKey === undefined ? {} : { orderKey }), { fifo: true, dedupeId: 'd' }).entry
      .MessageGroupId
  expect(groupOf()).toBe('one-d')
  expect(groupOf('customer:7')).toBe('key-customer:7')
  const odd = ['ü', ' ', 'x'.repeat(200), '\ud800'].map(groupOf)
  for (const group of odd) expect(group).toMatch(/^hash-[0-9a-f]{64}$/)
  expect(new Set(odd).size).toBe(4)
})

test('what standard or FIFO queues cannot keep is refused before it is sent', () => {
  const refused = (parts: object, fifo = false) => refusalOf(message('1', parts), { queue: 'q', fifo })?.code
  expect(refused({ orderKey: 'k' })).toBe('unsupported')
  expect(refused({ orderKey: 'k' }, true)).toBeUndefined()
  expect(refused({ delayMs: 1 }, true)).toBe('unsupported')
  expect(refused({ delayMs: Number.NaN })).toBe('unsupported')
  expect(refused({ unique: { key: 'k', while: 'queued' } })).toBe('unsupported')
})

test('what another program wrote is read without trust', () => {
  expect(fromNative({})).toMatchObject({ id: '', body: '', note: null, dueAt: 0, receives: 1, sentAt: 0 })
  const odd = {
    MessageId: 'm',
    MessageAttributes: { 'switchyard.due': { DataType: 'String', StringValue: 'soon' } },
    Attributes: { ApproximateReceiveCount: 'many' },
  }
  expect(fromNative(odd)).toMatchObject({ id: 'm', dueAt: 0, receives: 1 })
})
