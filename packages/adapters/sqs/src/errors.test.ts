import { BrokerError } from '@switchyard/core/adapter'
import { expect, test } from 'vitest'
import { codeOf, entryError, saysLost, toBrokerError } from './errors.ts'

const named = (name: string, text = 'as AWS says it') => Object.assign(new Error(text), { name })

test.each([
  ['QueueDoesNotExist', 'not-found'],
  ['AWS.SimpleQueueService.NonExistentQueue', 'not-found'],
  ['com.amazonaws.sqs#QueueNameExists', 'exists'],
  ['QueueDeletedRecently', 'conflict'],
  ['RequestThrottled', 'throttled'],
  ['ThrottlingException', 'throttled'],
  ['OverLimit', 'throttled'],
  ['PurgeQueueInProgress', 'throttled'],
  ['AccessDeniedException', 'forbidden'],
  ['UnrecognizedClientException', 'forbidden'],
  ['ExpiredTokenException', 'forbidden'],
  ['RequestTimeTooSkewed', 'forbidden'],
  ['CredentialsProviderError', 'forbidden'],
  ['KmsAccessDenied', 'forbidden'],
  ['InvalidMessageContents', 'invalid'],
  ['BatchRequestTooLong', 'too-large'],
  ['UnsupportedOperation', 'unsupported'],
  ['TimeoutError', 'timeout'],
  ['InternalError', 'unavailable'],
  ['SomethingNew', 'unknown'],
])('%s is %s', (name, code) => {
  expect(codeOf(named(name))).toBe(code)
})

test('a reset says so although the SDK calls it a timeout; a status says what an unknown name does not', () => {
  expect(codeOf(Object.assign(named('TimeoutError'), { code: 'ECONNRESET' }))).toBe('unavailable')
  const status = (httpStatusCode: number) => Object.assign(named('UnknownError'), { $metadata: { httpStatusCode } })
  expect([503, 429, 403, 418].map((one) => codeOf(status(one)))).toEqual([
    'unavailable',
    'throttled',
    'forbidden',
    'unknown',
  ])
  const size = 'One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.'
  expect(codeOf(named('InvalidParameterValue', size))).toBe('too-large')
})

test('a lost answer leaves a write open, unless it was never sent or the server refused it', () => {
  const write = { doing: 'send', queue: 'q', writes: true }
  const network = (code: string) => Object.assign(new Error(code), { code })
  expect(toBrokerError(network('ECONNRESET'), write).maybeApplied).toBe(true)
  expect(toBrokerError(named('InternalError'), write).maybeApplied).toBe(true)
  expect(toBrokerError(named('SomethingNew'), write).maybeApplied).toBe(true)
  expect(toBrokerError(network('ECONNREFUSED'), write).maybeApplied).toBe(false)
  expect(toBrokerError(named('RequestThrottled'), write).maybeApplied).toBe(false)
  expect(toBrokerError(named('AccessDenied'), write).maybeApplied).toBe(false)
  expect(toBrokerError(network('ECONNRESET'), { ...write, writes: false }).maybeApplied).toBe(false)
})

test('failed entries of a batch are told apart: lost leases, refusals, the server at fault', () => {
  const call = { doing: 'settle', queue: 'q', writes: true }
  expect(saysLost({ Code: 'ReceiptHandleIsInvalid' })).toBe(true)
  expect(saysLost({ Code: 'InvalidParameterValue', Message: 'Reason: The receipt handle has expired.' })).toBe(true)
  const total = 'Total VisibilityTimeout for the message is beyond the limit [43200 seconds]'
  expect(saysLost({ Code: 'InvalidParameterValue', Message: total })).toBe(false)
  expect(entryError({ Code: 'InvalidParameterValue', Message: total }, call)).toMatchObject({ code: 'invalid' })
  expect(entryError({}, call)).toMatchObject({ code: 'unavailable', maybeApplied: true })
})

test('names the queue and the way out; our own errors pass through', () => {
  const error = toBrokerError(named('AccessDenied'), { doing: 'send', queue: 'mail', writes: true })
  expect(error.message).toMatch(/^\[sqs, queue "mail"\] could not send: AccessDenied: .*rights on this queue/)
  const ours = new BrokerError({ code: 'closed', adapter: 'sqs', message: 'x' })
  expect(toBrokerError(ours, { doing: 'send', writes: true })).toBe(ours)
})
