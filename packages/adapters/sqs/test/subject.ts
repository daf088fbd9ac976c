import { startBroker } from '@switchyard/brokers'
import { startProxy, upstreamOf } from '@switchyard/brokers/proxy'
import type { Subject } from '@switchyard/conformance'
import { adapterFromUrl } from '@switchyard/sqs'

// fauxqs takes any; children inherit them
process.env.AWS_ACCESS_KEY_ID ??= 'test'
process.env.AWS_SECRET_ACCESS_KEY ??= 'test'

/** SQS (fauxqs) behind a proxy, so that connections can be cut while the server lives. */
export const subject: Subject = {
  name: 'sqs',
  open: (options) => adapterFromUrl(String(options)),
  async start() {
    const broker = await startBroker('sqs')
    const proxy = await startProxy({ upstream: upstreamOf(broker.url) })
    return {
      options: `${proxy.proxied(broker.url)}&pollMs=1000`,
      shared: true,
      version: `fauxqs ${broker.version}`,
      unreachable: () => 'sqs://us-east-1?endpoint=http%3A%2F%2F127.0.0.1%3A1',
      // A cut between two requests goes unnoticed over HTTP: so the next one loses its answer as well.
      cut: async () => {
        proxy.cutAfter(0, 'server->client')
        proxy.cut({ how: 'rst' })
      },
      ...(broker.controllable
        ? {
            restart: async () => {
              await broker.kill()
              await broker.restart()
            },
          }
        : {}),
      absent:
        'fauxqs checks no credentials (AWS refusals: outage.test.ts), and a server given by its address is not ours to kill',
      async [Symbol.asyncDispose]() {
        await proxy.close()
        await broker.stop()
      },
    }
  },
}
