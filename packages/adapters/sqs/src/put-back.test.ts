import { expect, test } from 'vitest'
import type { Lease } from './leases.ts'
import { copyOf, goesInPlace, type PutBack, refusedOf } from './put-back.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const terms = { queue: 'q', fifo: false, now: NOW }

function leaseOf(parts: Partial<Lease['received']> & { readonly heldMs?: number } = {}): Lease {
  const { heldMs = 0, ...received } = parts
  const requestedAt = NOW - heldMs
  const stored = { id: 'id', name: 'job', body: '{}', note: '{"a":1}', dueAt: 0, group: null, ...received }
  return {
    received: { handle: 'handle', receives: 1, sentAt: NOW - 1_000, ...stored },
    delivery: { message: { id: 'id', body: '{}' }, note: null, lapses: 0, leasedAt: requestedAt, receipt: {} },
    requestedAt,
    trustedUntil: NOW + 1_000,
    backAt: NOW,
    given: true,
    settling: false,
    copied: false,
    doubtful: false,
  }
}

function back(delayMs: number, note?: string): PutBack {
  return { kind: 'release', delivery: leaseOf().delivery, delayMs, ...(note === undefined ? {} : { note }) }
}

test.each([
  ['unchanged', back(0), leaseOf(), true],
  ['with the note that it has', back(0, '{"a":1}'), leaseOf(), true],
  ['with another note', back(0, '{"a":2}'), leaseOf(), false],
  ['for the second time', back(0), leaseOf({ receives: 2 }), true],
  ['for the third time', back(0), leaseOf({ receives: 3 }), false],
  ['for 11 hours after one', back(11 * HOUR - 3_000), leaseOf({ heldMs: HOUR }), true],
  ['for 11 hours after more than one', back(11 * HOUR), leaseOf({ heldMs: HOUR + 1_000 }), false],
  ['for 12 hours', back(12 * HOUR), leaseOf(), false],
  ['12 days old', back(0), leaseOf({ sentAt: NOW - 12 * 24 * HOUR }), true],
  ['13 days old after the delay', back(11 * HOUR), leaseOf({ sentAt: NOW - 12.9 * 24 * HOUR }), false],
])('a message goes back in place or as a copy: %s', (_, settlement, lease, inPlace) => {
  expect(goesInPlace(terms, settlement, lease)).toBe(inPlace)
  expect(goesInPlace({ ...terms, fifo: true }, settlement, lease)).toBe(true)
})

test('a copy has an id of its own and keeps body, name and note; delays are rounded up to seconds', () => {
  const { entry, queue } = copyOf(terms, back(1_001), leaseOf())
  expect(queue).toBe('q')
  expect(entry).toMatchObject({ MessageBody: '{}', DelaySeconds: 2 })
  expect(entry.MessageAttributes).toEqual({
    'switchyard.id': { DataType: 'String', StringValue: expect.not.stringMatching(/^id$/) },
    'switchyard.name': { DataType: 'String', StringValue: 'job' },
    'switchyard.note': { DataType: 'String', StringValue: '{"a":1}' },
  })
})

test('a copy with more than 15 minutes carries its due time, and the next copy of it does not', () => {
  const { entry } = copyOf(terms, back(12 * HOUR, '{}'), leaseOf())
  expect(entry.DelaySeconds).toBe(900)
  expect(entry.MessageAttributes?.['switchyard.due']?.StringValue).toBe(String(NOW + 12 * HOUR))
  expect(copyOf(terms, back(0, '{}'), leaseOf({ dueAt: NOW })).entry.MessageAttributes).not.toHaveProperty(
    'switchyard.due',
  )
})

test('what cannot be kept is refused: too long, below zero, notes and too long holds on FIFO', () => {
  expect(refusedOf(terms, back(12 * HOUR), leaseOf())).toBeUndefined()
  expect(refusedOf(terms, back(12 * HOUR + 1), leaseOf())).toMatchObject({ code: 'invalid' })
  expect(refusedOf(terms, back(-1), leaseOf())).toMatchObject({ code: 'invalid' })
  expect(refusedOf(terms, back(Number.NaN), leaseOf())).toMatchObject({ code: 'invalid' })
  const fifo = { ...terms, fifo: true }
  expect(refusedOf(fifo, back(0, '{}'), leaseOf())).toMatchObject({ code: 'unsupported' })
  expect(refusedOf(fifo, back(11 * HOUR), leaseOf({ heldMs: 2 * HOUR }))).toMatchObject({ code: 'unsupported' })
})
