import { expect, test } from 'vitest'
import { parseMicroseconds } from './database.ts'
import { fromData, keyText, lapsesOf, NEVER, type QueueShape, toInsert } from './wire.ts'

const shape: QueueShape = { name: 'q', leaseSeconds: 30, ordered: false, remembers: false }
const message = { id: 'an-id', name: 'charge', body: '{"a": 1}', delayMs: 0 }

test('what is stored comes back, and nothing of pg-boss expires it', () => {
  const job = toInsert(message, shape, 3)
  expect(job).toMatchObject({
    id: 'an-id',
    expireInSeconds: NEVER,
    retentionSeconds: NEVER,
    retryLimit: NEVER,
    heartbeatSeconds: 30,
  })
  expect(fromData(job.data)).toEqual({ job: 'charge', body: '{"a": 1}', note: null, tries: 0, released: 0 })
})

test('delays are intervals, rounded up to whole milliseconds; ready ones keep their place in the batch', () => {
  expect(toInsert({ ...message, delayMs: 1_500.2 }, shape, 1).startAfter).toBe('1501 milliseconds')
  expect(toInsert(message, shape, 3).startAfter).toBe('-3 microseconds')
})

test('ids, order keys and unique keys never meet', () => {
  expect(toInsert(message, shape, 1).singletonKey).toBe('id:an-id')
  expect(toInsert({ ...message, unique: { key: 'an-id', while: 'active' } }, shape, 1).singletonKey).toBe(
    'unique:"an-id"',
  )
  const ordered = { ...shape, ordered: true }
  expect(toInsert({ ...message, orderKey: 'an-id' }, ordered, 1).singletonKey).toBe('key:"an-id"')
  expect(toInsert(message, ordered, 1).singletonKey).toBe('id:an-id')
})

test('a job of another program is handed over as the JSON that it is', () => {
  expect(fromData({ to: 'x' })).toEqual({ job: '', body: '{"to":"x"}', note: null, tries: 0, released: 0 })
  expect(fromData(null).body).toBe('null')
})

test('lapses are the leases that nobody asked for', () => {
  const stored = { ...fromData(null), tries: 2, released: 1 }
  expect(lapsesOf(3, stored)).toBe(0)
  expect(lapsesOf(5, stored)).toBe(2)
})

test('timestamps keep their microseconds', () => {
  expect(parseMicroseconds('2026-11-22 15:30:00.000123+00') - parseMicroseconds('2026-11-22 15:30:00+00')).toBe(123)
  expect(parseMicroseconds('2026-11-22 15:30:00.1+00') - parseMicroseconds('2026-11-22 15:30:00+00')).toBe(100_000)
  expect(parseMicroseconds('2026-11-22 21:00:00+05:30')).toBe(Date.UTC(2026, 10, 22, 15, 30) * 1_000)
})

test('any string is a key that Postgres takes, and different strings stay different', () => {
  const keys = ['a', 'A', '', '\0', '\ud800', '\ud801', '"', '\\', 'x'.repeat(5_000), 'x'.repeat(5_001)]
  const texts = keys.map(keyText)
  expect(new Set(texts).size).toBe(keys.length)
  for (const text of texts) expect(text).toMatch(/^[\x20-\x7e]{1,402}$/)
})
