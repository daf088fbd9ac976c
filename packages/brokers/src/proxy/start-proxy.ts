import { createServer, type Server, type Socket } from 'node:net'
import {
  type ConnectionFilter,
  type CutKind,
  type Direction,
  type FaultProxy,
  NO_FAULTS,
  type ProxyFaults,
  type ProxyOptions,
} from './fault-proxy.ts'
import { proxiedUrl } from './proxied-url.ts'
import { type ConnectionHost, ProxyConnection } from './proxy-connection.ts'

interface Trap {
  readonly bytes: number
  readonly direction: Direction
  readonly how: CutKind
  readonly only: ConnectionFilter
  readonly seen: WeakMap<ProxyConnection, number>
}

/** Starts a proxy in front of `upstream`; resolves when it accepts. Rejects when the port is taken. */
export async function startProxy(options: ProxyOptions): Promise<FaultProxy> {
  const proxy = new TcpFaultProxy(options)
  await proxy.listen(options.listenPort ?? 0)
  return proxy
}

const everyone: ConnectionFilter = () => true

class TcpFaultProxy implements FaultProxy {
  readonly #options: ProxyOptions
  readonly #open = new Set<ProxyConnection>()
  readonly #host: ConnectionHost
  #server: Server | undefined
  #port = 0
  #faults: ProxyFaults = NO_FAULTS
  #halfOpenOnly: ConnectionFilter = everyone
  #traps: Trap[] = []
  #count = 0
  #closed = false

  constructor(options: ProxyOptions) {
    this.#options = options
    this.#host = {
      upstream: options.upstream,
      faults: (connection) => {
        const spared = this.#faults.halfOpen !== undefined && !this.#halfOpenOnly(connection)
        return spared ? { ...this.#faults, halfOpen: undefined } : this.#faults
      },
      allow: (connection, direction, bytes) => this.#allow(connection, direction, bytes),
      event: (kind, connection, detail) => options.onEvent?.({ kind, connection: connection.id, detail }),
      closed: (connection) => void this.#open.delete(connection),
    }
  }

  get port(): number {
    return this.#port
  }

  get connections(): readonly ProxyConnection[] {
    return [...this.#open]
  }

  get faults(): ProxyFaults {
    return this.#faults
  }

  proxied(url: string): string {
    return proxiedUrl(url, this.#options.upstream, this.#port)
  }

  cut({ how, only = everyone }: { readonly how: CutKind; readonly only?: ConnectionFilter }): number {
    const chosen = this.connections.filter(only)
    for (const connection of chosen) connection.cut(how)
    return chosen.length
  }

  async refuse(): Promise<void> {
    this.#change({ accept: 'refuse' })
    await this.#deafen()
  }

  async hang(): Promise<void> {
    this.#change({ accept: 'hang' })
    await this.listen(this.#port)
  }

  halfOpen(direction: Direction | 'both', options: { readonly only?: ConnectionFilter } = {}): void {
    this.#halfOpenOnly = options.only ?? everyone
    this.#change({ halfOpen: direction })
  }

  delay(ms: number): void {
    this.#change({ delayMs: atLeast(0, ms, 'delay in ms') })
  }

  slice(bytes: number): void {
    this.#change({ sliceBytes: atLeast(1, bytes, 'slice in bytes') })
  }

  limit(bytesPerSecond: number): void {
    this.#change({ bytesPerSecond: atLeast(1, bytesPerSecond, 'limit in bytes per second') })
  }

  cutAfter(
    bytes: number,
    direction: Direction,
    options: { readonly how?: CutKind; readonly only?: ConnectionFilter } = {},
  ): void {
    const { how = 'rst', only = everyone } = options
    this.#traps.push({ bytes: atLeast(0, bytes, 'bytes before the cut'), direction, how, only, seen: new WeakMap() })
    this.#tell(`cut-after ${bytes} ${direction} ${how}`)
  }

  async restore(): Promise<void> {
    this.#traps = []
    this.#halfOpenOnly = everyone
    this.#change(NO_FAULTS)
    await this.listen(this.#port)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#deafen()
    this.cut({ how: 'rst' })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Opens the port unless it is open. */
  listen(port: number): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('this proxy was closed; start a new one'))
    if (this.#server !== undefined) return Promise.resolve()
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket))
    this.#server = server
    return new Promise((resolve, reject) => {
      server.once('error', (error) => {
        if (this.#server === server) this.#server = undefined
        reject(error)
      })
      server.listen({ port, host: '127.0.0.1' }, () => {
        const address = server.address()
        if (address !== null && typeof address === 'object') this.#port = address.port
        resolve()
      })
    })
  }

  #accept(socket: Socket): void {
    if (this.#closed || this.#faults.accept === 'refuse') {
      socket.resetAndDestroy() // was in the queue of the listener
      return
    }
    this.#count += 1
    const connection = new ProxyConnection(this.#count, socket, this.#host)
    this.#open.add(connection)
    this.#options.onEvent?.({ kind: 'open', connection: connection.id, detail: '' })
  }

  async #deafen(): Promise<void> {
    this.#server?.close() // its own promise waits for the open connections, which may stay
    this.#server = undefined
    await new Promise((resolve) => setImmediate(resolve)) // the port is closed at the end of this turn
  }

  #allow(connection: ProxyConnection, direction: Direction, bytes: number): { bytes: number; cut?: CutKind } {
    let allowed: { bytes: number; cut?: CutKind } = { bytes }
    for (const trap of this.#traps) {
      if (trap.direction !== direction || !trap.only(connection)) continue
      const left = trap.bytes - (trap.seen.get(connection) ?? 0)
      if (allowed.bytes >= left) {
        allowed = { bytes: left, cut: trap.how }
        this.#traps = this.#traps.filter((other) => other !== trap)
        break
      }
      trap.seen.set(connection, trap.bytes - left + bytes)
    }
    return allowed
  }

  #change(faults: Partial<ProxyFaults>): void {
    this.#faults = { ...this.#faults, ...faults }
    this.#tell(JSON.stringify(this.#faults))
    for (const connection of this.#open) connection.wake()
  }

  #tell(detail: string): void {
    this.#options.onEvent?.({ kind: 'mode', connection: 0, detail })
  }
}

function atLeast(least: number, value: number, what: string): number {
  if (Number.isFinite(value) && value >= least) return value
  throw new RangeError(`${what}: ${value} is not a number of at least ${least}`)
}
