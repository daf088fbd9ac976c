import { BrokerError } from '@switchyard/core/adapter'
import { expect, test } from 'vitest'
import { codeOf, markNeverSent, toBrokerError } from './errors.ts'

const native = (code: string, text = 'as the server says it') => Object.assign(new Error(text), { code })

test.each([
  ['57P01', 'unavailable'],
  ['57P03', 'unavailable'],
  ['08006', 'unavailable'],
  ['57014', 'timeout'],
  ['28P01', 'forbidden'],
  ['28000', 'forbidden'],
  ['42501', 'forbidden'],
  ['3D000', 'not-found'],
  ['42P01', 'not-found'],
  ['22P05', 'invalid'],
  ['40P01', 'conflict'],
  ['40001', 'conflict'],
  ['53300', 'throttled'],
  ['53100', 'full'],
  ['25006', 'read-only'],
  ['54000', 'too-large'],
  ['XX001', 'corrupt'],
  ['XX000', 'unknown'],
  ['ECONNREFUSED', 'unavailable'],
  ['ENOTFOUND', 'unavailable'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'forbidden'],
])('%s is %s', (code, word) => {
  expect(codeOf(native(code))).toBe(word)
})

test('what pg and pg-boss say in words only is understood', () => {
  expect(codeOf(new Error('Queue a.b does not exist'))).toBe('not-found')
  expect(codeOf(new Error('Connection terminated unexpectedly'))).toBe('unavailable')
  expect(codeOf(new Error('timeout exceeded when trying to connect'))).toBe('timeout')
  expect(codeOf(new AggregateError([native('ECONNREFUSED')], ''))).toBe('unavailable')
})

test('a lost answer leaves a write open, unless it was never sent or the server rolled it back', () => {
  const write = { doing: 'send', queue: 'q', writes: true }
  expect(toBrokerError(native('ECONNRESET'), write).maybeApplied).toBe(true)
  expect(toBrokerError(native('57P01'), write).maybeApplied).toBe(true)
  expect(toBrokerError(native('57014'), write).maybeApplied).toBe(false)
  expect(toBrokerError(native('22P05'), write).maybeApplied).toBe(false)
  expect(toBrokerError(native('ECONNRESET'), { ...write, writes: false }).maybeApplied).toBe(false)
  expect(toBrokerError(markNeverSent(native('ECONNRESET')), write).maybeApplied).toBe(false)
})

test('names the queue and keeps the cause; our own errors pass through', () => {
  const cause = native('28P01')
  const error = toBrokerError(cause, { doing: 'send', queue: 'mail', writes: true })
  expect(error).toMatchObject({ code: 'forbidden', retryable: false, cause })
  expect(error.message).toContain('[postgres, queue "mail"] could not send')
  const ours = new BrokerError({ code: 'closed', adapter: 'postgres', message: 'x' })
  expect(toBrokerError(ours, { doing: 'send', writes: true })).toBe(ours)
})
