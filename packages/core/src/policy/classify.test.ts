import { describe, expect, it } from 'vitest'
import { BrokerError } from '../adapter/broker-error.ts'
import { JobTimeout, Reject } from '../errors.ts'
import { classify, retryAfterOf } from './classify.ts'

const coded = (code: string) => Object.assign(new Error(code), { code })
const named = (name: string) => Object.assign(new Error(name), { name })

describe('classify', () => {
  it.each([
    [{ status: 400 }, 'permanent'],
    [{ status: 404 }, 'permanent'],
    [{ status: 408 }, 'transient'],
    [{ statusCode: 429 }, 'transient'],
    [{ response: { status: 500 } }, 'transient'],
    [{ status: 501 }, 'permanent'],
    [{ $metadata: { httpStatusCode: 503 } }, 'transient'],
    [{ status: 504 }, 'ambiguous'],
    [coded('ECONNREFUSED'), 'transient'],
    [coded('ECONNRESET'), 'ambiguous'],
    [coded('UND_ERR_CONNECT_TIMEOUT'), 'transient'],
    [coded('UND_ERR_HEADERS_TIMEOUT'), 'ambiguous'],
    [coded('23505'), 'permanent'],
    [coded('40001'), 'transient'],
    [coded('40P01'), 'transient'],
    [coded('08007'), 'ambiguous'],
    [coded('22P02'), 'permanent'],
    [coded('53300'), 'transient'],
    [coded('57P01'), 'transient'],
    [named('ThrottlingException'), 'transient'],
    [named('AccessDeniedException'), 'permanent'],
    [named('TimeoutError'), 'ambiguous'],
    [new TypeError('fetch failed', { cause: coded('ECONNREFUSED') }), 'transient'],
    [new RangeError('x'), 'permanent'],
    [new Error('anything'), 'transient'],
    ['a string', 'transient'],
    [null, 'transient'],
    [new JobTimeout('x'), 'ambiguous'],
    [new Reject('x'), 'permanent'],
    [new BrokerError({ code: 'unavailable', adapter: 'a', message: 'm', maybeApplied: true }), 'ambiguous'],
    [new BrokerError({ code: 'forbidden', adapter: 'a', message: 'm' }), 'permanent'],
  ] as const)('%o is %s', (error, expected) => {
    expect(classify(error, null)).toBe(expected)
  })

  it('asks the custom classifier first, but never about a Reject', () => {
    expect(classify(new Error('x'), () => 'permanent')).toBe('permanent')
    expect(classify(new Error('x'), () => undefined)).toBe('transient')
    expect(classify(new Reject('x'), () => 'transient')).toBe('permanent')
  })
})

describe('retryAfterOf', () => {
  it('reads seconds, dates and plain header objects, and refuses nonsense', () => {
    const now = Date.parse('2030-01-01T00:00:00Z')
    expect(retryAfterOf({ headers: { 'retry-after': '120' } }, now)).toBe(120_000)
    expect(retryAfterOf({ headers: { 'retry-after': 'Tue, 01 Jan 2030 00:00:10 GMT' } }, now)).toBe(10_000)
    expect(retryAfterOf({ headers: { 'retry-after': 'soon' } }, now)).toBeNull()
    expect(retryAfterOf({ headers: { 'retry-after': '-5' } }, now)).toBeNull()
    expect(retryAfterOf({ retryAfterMs: 5 }, now)).toBe(5)
    expect(retryAfterOf('x', now)).toBeNull()
  })
})
