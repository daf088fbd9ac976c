import { createConnection, createServer, type Socket } from 'node:net'

/** A loopback TCP relay in front of one server, to cut what runs through it. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** Resets every connection; new ones may be made at once. */
  cut(): void
  /** While true, bytes are swallowed in both directions and nobody is told: a half-open connection. */
  silent(on: boolean): void
}

export async function tcpProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let mute = false
  const server = createServer((near) => {
    const far = createConnection({ port: targetPort, host: '127.0.0.1' })
    const pair = [near, far] as const
    pairs.add(pair)
    // A connection born silent stays so: what it swallowed cannot be given back.
    let swallowed = mute
    for (const [from, to] of [pair, [far, near]] as const) {
      from.on('error', () => {})
      from.on('data', (bytes) => {
        swallowed ||= mute
        if (!swallowed) to.write(bytes)
      })
      from.on('close', () => {
        to.destroy()
        pairs.delete(pair)
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const cut = () => {
    for (const [near, far] of [...pairs]) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
  }
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut,
    silent: (on) => {
      mute = on
    },
    async [Symbol.asyncDispose]() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
