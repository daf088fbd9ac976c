import { startBroker } from '@switchyard/brokers'
import { startProxy, upstreamOf } from '@switchyard/brokers/proxy'
import type { Subject } from '@switchyard/conformance'
import { rabbitmq } from '@switchyard/rabbitmq'

const SECRET = 'hush-7d1f'

/** RabbitMQ behind a proxy, so that connections can be cut while the server lives. */
export const subject: Subject = {
  name: 'rabbitmq',
  open: (options) => rabbitmq({ url: String(options) }),
  async start() {
    const broker = await startBroker('rabbitmq')
    const proxy = await startProxy({ upstream: upstreamOf(broker.url) })
    return {
      options: proxy.proxied(broker.url),
      shared: true,
      version: broker.version,
      unreachable: () => `amqp://nobody:${SECRET}@127.0.0.1:1`,
      forbidden: () => {
        const url = new URL(broker.url)
        url.password = SECRET
        return url.href
      },
      secrets: [SECRET, new URL(broker.url).password],
      cut: async () => void proxy.cut({ how: 'rst' }),
      ...(broker.controllable
        ? {
            restart: async () => {
              // At once, without waiting until RabbitMQ 3.10 has written its register: the adapter says `accepted` no earlier.
              await broker.kill()
              await broker.restart()
            },
          }
        : { absent: 'the server was given by its address: we do not kill what we did not start' }),
      async [Symbol.asyncDispose]() {
        await proxy.close()
        await broker.stop()
      },
    }
  },
}
