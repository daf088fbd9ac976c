import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../errors.ts'
import { decodeEnvelope, type Envelope, encodeEnvelope, NewerEnvelopeError } from './envelope.ts'
import { assertJson, type Json, jsonText } from './json-text.ts'

const envelope = (payload: Json): Envelope => ({
  v: 1,
  id: '01a203ee-a1f6-702a-aa6c-1785e9fb4e83',
  job: 'j',
  queue: 'q',
  priority: 'normal',
  payloadVersion: 1,
  payload,
  enqueuedAt: 5,
})

describe('envelope', () => {
  it('carries every JSON value through text unchanged', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false } as never), (value) => {
        const payload = JSON.parse(JSON.stringify(value)) as Json
        expect(decodeEnvelope(encodeEnvelope(envelope(payload))).payload).toEqual(payload)
      }),
    )
  })

  it('escapes NUL, control characters, lone surrogates, U+FFFE and U+FFFF', () => {
    const hostile = '\u0000\u0007\u007f\u009f\ud800\ufffe\uffff\u2028"\\'
    const body = encodeEnvelope(envelope({ hostile }))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the purpose
    expect(body).not.toMatch(/[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/)
    expect(body.isWellFormed()).toBe(true)
    expect(decodeEnvelope(body).payload).toEqual({ hostile })
  })

  it('keeps a __proto__ property as data and pollutes nothing', () => {
    const body = encodeEnvelope(envelope(JSON.parse('{"__proto__":{"polluted":true}}') as Json))
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect(JSON.stringify(decodeEnvelope(body).payload)).toBe('{"__proto__":{"polluted":true}}')
  })

  it('answers EnvelopeError, and nothing else, to any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.anything().map((value) => JSON.stringify(value) ?? ''),
        ),
        (text) => {
          try {
            decodeEnvelope(text)
          } catch (error) {
            expect(error).toBeInstanceOf(EnvelopeError)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('refuses an envelope with any one field replaced', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('v', 'id', 'job', 'queue', 'priority', 'payloadVersion', 'enqueuedAt'),
        fc.constantFrom(null, {}, [], -1.5, true),
        (field, wrong) => {
          const body = JSON.stringify({
            ...envelope(null),
            [field]: field === 'enqueuedAt' && wrong === -1.5 ? 'x' : wrong,
          })
          expect(() => decodeEnvelope(body)).toThrow(EnvelopeError)
        },
      ),
    )
  })

  it('tells a newer version apart from nonsense', () => {
    expect(() => decodeEnvelope(JSON.stringify({ ...envelope(null), v: 2 }))).toThrow(NewerEnvelopeError)
  })
})

describe('assertJson', () => {
  const place = { job: 'j' }
  it.each([
    ['undefined', undefined],
    ['a function', { f: () => 1 }],
    ['a BigInt', { n: 1n }],
    ['a symbol', Symbol('s')],
    ['NaN', [Number.NaN]],
    ['Infinity', { deep: [{ n: Number.POSITIVE_INFINITY }] }],
    ['undefined in an array', [undefined]],
    ['a Map', { m: new Map() }],
    ['a Set', new Set()],
    [
      'a class instance',
      new (class Money {
        cents = 1
      })(),
    ],
    ['an invalid Date', { at: new Date(Number.NaN) }],
  ])('refuses %s, naming where it is', (_name, value) => {
    expect(() => assertJson(value, place)).toThrow(/payload.*/)
  })

  it('refuses circular values without exhausting the stack', () => {
    const circular: Record<string, unknown> = {}
    circular.self = circular
    expect(() => assertJson(circular, place)).toThrow(/circular/)
  })

  it('tells whether some value converts itself', () => {
    expect(assertJson({ at: new Date(0) }, place)).toBe(true)
    expect(assertJson({ at: 'text', skip: undefined }, place)).toBe(false)
  })

  it('accepts exactly what JSON.parse gives back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assertJson(value, place)
        expect(JSON.parse(jsonText(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})
