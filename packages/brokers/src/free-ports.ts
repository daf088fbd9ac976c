import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * That many free ports of 127.0.0.1, all different. Taken from below Linux's range for outgoing connections (32768-60999), so that the
 * port of a killed broker is still free when it comes back.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>()
  for (let tries = 0; found.size < count; tries += 1) {
    if (tries > 1000) throw new Error('found no free port between 20000 and 32000 on 127.0.0.1')
    const port = randomInt(20_000, 32_000)
    if (!found.has(port) && (await isFree(port))) found.add(port)
  }
  return [...found]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
