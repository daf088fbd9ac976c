import { BrokerError } from '@switchyard/core/adapter'
import { describe, expect, test } from 'vitest'
import { lateError, toBrokerError } from './errors.ts'

/** Texts as seen on RabbitMQ 3.10.8 with amqplib 2.3.1. */
const SEEN: readonly (readonly [text: string, code: unknown, ours: string])[] = [
  [
    "Operation failed: QueueDeclare; 404 (NOT-FOUND) with message \"NOT_FOUND - no queue 'x' in vhost '/'\"",
    404,
    'not-found',
  ],
  ["NOT_FOUND - queue 'x' in vhost '/' process is stopped by supervisor", 404, 'unavailable'],
  ["404 (NOT-FOUND) with message \"NOT_FOUND - no exchange 'x' in vhost '/'\"", 404, 'not-found'],
  [
    "406 (PRECONDITION-FAILED) with message \"PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'x' in vhost '/'\"",
    406,
    'exists',
  ],
  ['PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out', 406, 'timeout'],
  ['PRECONDITION_FAILED - message size 999 is larger than configured max size 16', 406, 'too-large'],
  ["RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'x' in vhost '/'", 405, 'conflict'],
  [
    'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused"',
    undefined,
    'forbidden',
  ],
  ['Expected ConnectionOpenOk; got <ConnectionClose channel:0>', undefined, 'forbidden'],
  ["ACCESS_REFUSED - access to queue 'x' in vhost '/' refused for user 'u'", 403, 'forbidden'],
  ['connect ECONNREFUSED 127.0.0.1:1', 'ECONNREFUSED', 'unavailable'],
  ['getaddrinfo ENOTFOUND nowhere.invalid', 'ENOTFOUND', 'unavailable'],
  ['connect ETIMEDOUT', undefined, 'unavailable'],
  ['Heartbeat timeout', undefined, 'unavailable'],
  ['Unexpected close', undefined, 'unavailable'],
  ['channel closed', undefined, 'unavailable'],
  ['Channel ended, no reply will be forthcoming', undefined, 'unavailable'],
  ['Connection closed: 320 (CONNECTION-FORCED)', 320, 'unavailable'],
  ['Connection closed: 541 (INTERNAL-ERROR)', 541, 'unavailable'],
  ['message nacked', undefined, 'unavailable'],
  ['self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'forbidden'],
  ['something new', undefined, 'unknown'],
]

describe('errors', () => {
  test.each(SEEN)('%s', (text, code, ours) => {
    const native = Object.assign(new Error(text), { code })
    const error = toBrokerError(native, { queue: 'q', doing: 'test' })
    expect(error).toMatchObject({ code: ours, queue: 'q', adapter: 'rabbitmq', maybeApplied: false, cause: native })
  })

  test('ours pass unchanged, other things thrown are unknown, a late call may have been applied', () => {
    const ours = new BrokerError({ adapter: 'rabbitmq', code: 'full', message: 'm' })
    expect(toBrokerError(ours, { doing: 'test' })).toBe(ours)
    for (const odd of [undefined, null, 'text', 7, {}])
      expect(toBrokerError(odd, { doing: 'test' }).code).toBe('unknown')
    expect(lateError(5, { doing: 'test' })).toMatchObject({ code: 'timeout', maybeApplied: true, retryable: true })
  })
})
