import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeNote, EMPTY_NOTE, encodeNote, NOTE_BYTES } from './note.ts'

const failure = fc.record({
  at: fc.integer(),
  attempt: fc.integer({ min: 1, max: 1_000 }),
  class: fc.constantFrom('transient' as const, 'permanent' as const, 'ambiguous' as const),
  name: fc.string({ maxLength: 100 }),
  message: fc.string({ maxLength: 3_000, unit: 'binary' }),
})

describe('note', () => {
  it('fits the limit whatever the failures are, and keeps the counts', () => {
    fc.assert(
      fc.property(fc.array(failure, { maxLength: 40 }), (failures) => {
        const text = encodeNote({ ...EMPTY_NOTE, attempts: failures.length, failures })
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(NOTE_BYTES)
        expect(decodeNote(text)?.attempts).toBe(failures.length)
      }),
    )
  })

  it('keeps the first and the latest failures', () => {
    const failures = Array.from({ length: 30 }, (_, index) => ({
      at: index,
      attempt: index + 1,
      class: 'transient' as const,
      name: 'Error',
      message: 'm',
    }))
    const kept = decodeNote(encodeNote({ ...EMPTY_NOTE, failures }))?.failures ?? []
    expect(kept[0]?.attempt).toBe(1)
    expect(kept.at(-1)?.attempt).toBe(30)
  })

  it('answers null to anything that is not a note', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const note = decodeNote(text)
        expect(note === null || typeof note.attempts === 'number').toBe(true)
      }),
    )
    expect(decodeNote('{"attempts":-1}')).toBeNull()
    expect(decodeNote(null)).toBe(EMPTY_NOTE)
  })
})
