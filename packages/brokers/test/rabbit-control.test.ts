import { once } from 'node:events'
import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BrokerOrSkip, brokerOrSkip, rabbitControl } from '../src/index.ts'
import { startProxy, upstreamOf } from '../src/proxy/index.ts'

let found: BrokerOrSkip
beforeAll(async () => {
  found = await brokerOrSkip('rabbitmq')
})
afterAll(() => found.broker?.stop())

describe('a RabbitMQ of our own', () => {
  it('is alone: its node has a name of its own, no plugin, and the setting for delay chains', async ({ skip }) => {
    if (found.broker === undefined) return skip(found.skip)
    const environment = await rabbitControl(found.broker, ['environment'])
    expect(environment).toMatch(/dead_letter_worker_publisher_confirm_timeout,\s*5000/)
    expect(await rabbitControl(found.broker, ['eval', 'node().'])).toMatch(/^sy[0-9a-f]{12}@localhost/)
    expect(await rabbitControl(found.broker, ['eval', 'rabbit_plugins:active().'])).toBe('[]\n')
    expect(await rabbitControl(found.broker, ['eval', 'nodes().'])).toBe('[]\n')
  })

  it('raises an alarm when asked to, and tells who asks nonsense', async ({ skip }) => {
    if (found.broker === undefined) return skip(found.skip)
    const connection = await connect(found.broker.url)
    connection.on('error', () => undefined)
    const blocked = once(connection, 'blocked')
    await rabbitControl(found.broker, ['set_vm_memory_high_watermark', 'absolute', '1'])
    const channel = await connection.createChannel()
    channel.publish('', 'nowhere', Buffer.from('x')) // only publishers are blocked
    expect(await blocked).toEqual(['low on memory'])
    await rabbitControl(found.broker, ['set_vm_memory_high_watermark', '0.6'])
    await connection.close()
    await expect(rabbitControl(found.broker, ['dance'])).rejects.toThrow(/rabbitmqctl dance/)
  })

  it('can be cut off through the fault proxy by its own address', async ({ skip }) => {
    if (found.broker === undefined) return skip(found.skip)
    await using proxy = await startProxy({ upstream: upstreamOf(found.broker.url) })
    const connection = await connect(proxy.proxied(found.broker.url))
    const error = once(connection, 'error')
    proxy.cut({ how: 'rst' })
    expect(String((await error)[0])).toMatch(/ECONNRESET/)
  })
})
