import { startBroker } from '@switchyard/brokers'
import type { Subject } from '@switchyard/conformance'
import { rabbitmq } from '@switchyard/rabbitmq'
import { tcpProxy } from './tcp-proxy.ts'

/** RabbitMQ behind a relay, so that connections can be cut while the server lives. */
export const subject: Subject = {
  name: 'rabbitmq',
  open: (options) => rabbitmq({ url: String(options) }),
  async start() {
    const broker = await startBroker('rabbitmq')
    const url = new URL(broker.url)
    const proxy = await tcpProxy(Number(url.port))
    url.port = String(proxy.port)
    return {
      options: url.href,
      shared: true,
      cut: async () => proxy.cut(),
      ...(broker.controllable
        ? {
            restart: async () => {
              // Quorum queues younger than a few seconds do not survive SIGKILL on 3.10 (rabbitmq/ra#443): see the README.
              await broker.flush()
              await broker.kill()
              await broker.restart()
            },
          }
        : { absent: 'the server was given by its address: we do not kill what we did not start' }),
      async [Symbol.asyncDispose]() {
        await proxy[Symbol.asyncDispose]()
        await broker.stop()
      },
    }
  },
}
