import { BrokerError } from '@switchyard/core/adapter'
import { describe, expect, test } from 'vitest'
import { type RabbitmqOptions, toTarget } from './options.ts'

describe('options', () => {
  test('a full URL, decoded as far as amqplib wants it', () => {
    const target = toTarget({ url: 'amqps://us%40er:p%2Fw@[::1]:7000/my%2Fhost?heartbeat=4&prefix=a.' })
    expect(target.connect).toEqual({
      protocol: 'amqps',
      hostname: '::1',
      port: 7000,
      vhost: 'my%2Fhost',
      heartbeat: 4,
      username: 'us@er',
      password: 'p/w',
    })
    expect([target.prefix, target.label]).toEqual(['a.', 'amqps://[::1]:7000'])
  })

  test('defaults: port, virtual host /, guest left to amqplib', () => {
    expect(toTarget({ url: 'amqp://localhost' }).connect).toEqual({
      protocol: 'amqp',
      hostname: 'localhost',
      port: 5672,
      vhost: '',
      heartbeat: 10,
    })
  })

  const url = 'amqp://user:hunter2@localhost'
  const refused: readonly RabbitmqOptions[] = [
    { url: '' },
    { url: 'hunter2' },
    { url: 'redis://user:hunter2@localhost' },
    { url: 'amqp://user:hunter2@localhost:99999' },
    { url: 'amqp://user:hun%ter2@localhost' },
    { url: `${url}/a/b` },
    { url: `${url}?frameMax=1` },
    { url: `${url}?heartbeat=x` },
    { url, prefix: 'a b' },
    { url, tls: {} },
    { url, heartbeatSeconds: 0 },
    { url, delayUnitMs: 0.5 },
    { url, consumerTimeoutMs: Number.NaN },
  ]
  test.each(refused)('refused as invalid, without the password: %#', (options) => {
    const attempt = () => toTarget(options)
    expect(attempt).toThrow(BrokerError)
    try {
      attempt()
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid', retryable: false })
      expect(`${error} ${(error as Error).stack} ${JSON.stringify(error)}`).not.toMatch(/hunter|ter2/)
    }
  })
})
