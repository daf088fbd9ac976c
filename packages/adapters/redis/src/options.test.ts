import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { settingsOf } from './options.ts'

test('takes the URL apart', () => {
  expect(settingsOf({ url: 'redis://app:p%40ss@db.example:7000/3?prefix=staging' }, '/')).toEqual({
    host: 'db.example',
    port: 7000,
    username: 'app',
    password: 'p@ss',
    db: 3,
    tls: undefined,
    prefix: 'staging',
    stalledIntervalMs: 2_000,
  })
  expect(settingsOf({ url: 'redis://[::1]' }, '/')).toMatchObject({ host: '::1', port: 6379, db: 0, prefix: 'sy' })
})

test('rediss means TLS that checks names', () => {
  expect(settingsOf({ url: 'rediss://db.example' }, '/').tls).toEqual({ servername: 'db.example' })
  expect(settingsOf({ url: 'rediss://127.0.0.1', tls: { ca: 'x' } }, '/').tls).toEqual({ ca: 'x' })
})

test.each([
  [{ url: 'redis://h', tls: {} }, 'rediss'],
  [{ url: 'redis://h?ca=a.pem' }, 'rediss'],
  [{ url: 'rediss://h?ca=/nowhere/ca.pem' }, 'cannot be read'],
  [{ url: 'http://h' }, 'no Redis URL'],
  [{ url: 'redis:///0' }, 'no Redis URL'],
  [{ url: 'redis://h/name' }, 'number of the database'],
  [{ url: 'redis://h?prefx=a' }, 'unknown URL parameter "prefx"'],
  [{ url: 'redis://h', prefix: 'a:b' }, '`prefix`'],
  [{ url: 'redis://h', prefix: '{a}' }, '`prefix`'],
  [{ url: 'redis://h?stalledIntervalMs=1' }, '`stalledIntervalMs`'],
  [{ url: 'redis://h?stalledIntervalMs=soon' }, '`stalledIntervalMs`'],
  [{ url: 'redis://h', pollMs: 1 }, 'unknown option "pollMs"'],
])('refuses %j', (options, text) => {
  expect(() => settingsOf(options, '/')).toThrow(
    expect.objectContaining({ code: 'invalid', message: expect.stringContaining(text) }),
  )
})

test.each([
  'redis://u:hunter2@h:port/0',
  'redis://u:hunter2@h/x y',
  'amqp://u:hunter2@h',
  'redis://%zz:hunter2@h',
  'redis://u:hunter2%zz@h',
])('a refusal of %s does not quote it', (url) => {
  try {
    settingsOf({ url }, '/')
    expect.unreachable()
  } catch (error) {
    expect(inspect(error, { depth: 9 })).not.toContain('hunter2')
  }
})
