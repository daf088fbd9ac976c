import { startBroker } from '@switchyard/brokers'
import { startProxy, upstreamOf } from '@switchyard/brokers/proxy'
import type { Subject } from '@switchyard/conformance'
import { redis } from '@switchyard/redis'

const SECRET = 'hush-7d1f'

/** Redis behind a proxy, so that connections can be cut while the server lives. */
export const subject: Subject = {
  name: 'redis',
  open: (options) => redis({ url: String(options), stalledIntervalMs: 300 }),
  async start() {
    const broker = await startBroker('redis')
    const proxy = await startProxy({ upstream: upstreamOf(broker.url) })
    return {
      options: proxy.proxied(broker.url),
      shared: true,
      version: broker.version,
      unreachable: () => `redis://nobody:${SECRET}@127.0.0.1:1/0`,
      forbidden: () => {
        const url = new URL(proxy.proxied(broker.url))
        url.password = SECRET
        return url.href
      },
      secrets: [SECRET, new URL(broker.url).password].filter((secret) => secret !== ''),
      cut: async () => void proxy.cut({ how: 'rst' }),
      ...(broker.controllable
        ? {
            restart: async () => {
              await broker.kill()
              await broker.restart()
            },
          }
        : { absent: `${broker.rung}: not ours to kill` }),
      async [Symbol.asyncDispose]() {
        await proxy.close()
        await broker.stop()
      },
    }
  },
}
