import { inspect } from 'node:util'
import { BrokerError } from '@switchyard/core/adapter'
import { expect, test } from 'vitest'
import { codeOf, saysLost, toBrokerError } from './errors.ts'

const native = (text: string, more: object = {}) => Object.assign(new Error(text), more)

test.each([
  ['NOAUTH Authentication required.', 'forbidden'],
  ['WRONGPASS invalid username-password pair or user is disabled.', 'forbidden'],
  ["NOPERM User app has no permissions to run the 'info' command", 'forbidden'],
  ["READONLY You can't write against a read only replica.", 'read-only'],
  ['MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.', 'full'],
  ['MISCONF Errors writing to the AOF file: No space left on device', 'full'],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'full'],
  ['LOADING Redis is loading the dataset in memory', 'unavailable'],
  ['BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.', 'throttled'],
  ['NOSCRIPT No matching script.', 'unavailable'],
  ['NOREPLICAS Not enough good replicas to write.', 'unavailable'],
  ['MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to no.', 'unavailable'],
  ['MOVED 3999 127.0.0.1:6381', 'unsupported'],
  ["CROSSSLOT Keys in request don't hash to the same slot", 'unsupported'],
  ['WRONGTYPE Operation against a key holding the wrong kind of value', 'corrupt'],
  ['ERR max number of clients reached', 'throttled'],
  ['ERR DB index is out of range', 'not-found'],
  ["ERR unknown command 'BZPOPMIN'", 'version'],
  ['ERR something new', 'unknown'],
])('%s is %s', (text, code) => {
  expect(codeOf(native(text))).toBe(code)
  expect(codeOf(native(`ReplyError in a script: ${text}`))).toBe(code)
})

test.each([
  ['ECONNREFUSED', 'unavailable'],
  ['ENOTFOUND', 'unavailable'],
  ['ECONNRESET', 'unavailable'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'forbidden'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'forbidden'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'forbidden'],
])('%s is %s', (code, word) => {
  expect(codeOf(native('as Node says it', { code }))).toBe(word)
  expect(codeOf(new AggregateError([native('as Node says it', { code })], ''))).toBe(word)
})

test('a lost answer leaves a write open; a refusal and what was never sent do not', () => {
  const write = { doing: 'send', queue: 'q', writes: true }
  const open = (text: string, more?: object) => toBrokerError(native(text, more), write).maybeApplied
  expect(open('Reached the max retries per request limit (which is 0).')).toBe(true)
  expect(open('Connection is closed.')).toBe(true)
  expect(open('Command aborted due to connection close')).toBe(true)
  expect(open('read ECONNRESET', { code: 'ECONNRESET' })).toBe(true)
  expect(open('ERR something new')).toBe(true)
  expect(open("Stream isn't writeable and enableOfflineQueue options is false")).toBe(false)
  expect(open('connect ECONNREFUSED', { code: 'ECONNREFUSED' })).toBe(false)
  expect(open("OOM command not allowed when used memory > 'maxmemory'.")).toBe(false)
  expect(toBrokerError(native('Connection is closed.'), { ...write, writes: false }).maybeApplied).toBe(false)
})

test('a refused transaction is what it was refused for', () => {
  const cause = native('EXECABORT Transaction discarded because of previous errors.', {
    previousErrors: [native("READONLY You can't write against a read only replica.")],
  })
  expect(codeOf(cause)).toBe('read-only')
})

test('names the queue, keeps the cause, passes our own errors through, and forgets what a failed command carried', () => {
  const cause = native('WRONGPASS invalid', { command: { name: 'auth', args: ['app', 'hunter2'] } })
  const error = toBrokerError(cause, { doing: 'send', queue: 'mail', writes: true })
  expect(error).toMatchObject({ code: 'forbidden', retryable: false, cause })
  expect(error.message).toContain('[redis, queue "mail"] could not send')
  expect(inspect(error, { depth: 9 })).not.toContain('hunter2')
  const ours = new BrokerError({ code: 'closed', adapter: 'redis', message: 'x' })
  expect(toBrokerError(ours, { doing: 'send', writes: true })).toBe(ours)
})

test('only the four codes of a missing lease mean lost', () => {
  expect([-1, -2, -3, -6].map((code) => saysLost(native('x', { code })))).toEqual([true, true, true, true])
  expect([saysLost(native('x', { code: -5 })), saysLost(native('x', { code: 'ECONNRESET' })), saysLost(null)]).toEqual([
    false,
    false,
    false,
  ])
})
