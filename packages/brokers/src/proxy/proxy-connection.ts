import { Socket } from 'node:net'
import type { CutKind, Direction, ProxyFaults } from './fault-proxy.ts'
import { Pipe } from './pipe.ts'

/** What a connection needs from its proxy. */
export interface ConnectionHost {
  readonly upstream: { readonly host: string; readonly port: number }
  faults(connection: ProxyConnection): ProxyFaults
  /** Called after `bytes` were counted and before they go on; answers how many may, and whether the connection is cut after them. */
  allow(
    connection: ProxyConnection,
    direction: Direction,
    bytes: number,
  ): { readonly bytes: number; readonly cut?: CutKind }
  event(kind: 'close' | 'cut' | 'upstream-failed', connection: ProxyConnection, detail: string): void
  closed(connection: ProxyConnection): void
}

/** So long the other side may take to answer our FIN with its own. */
const FIN_GRACE_MS = 1_000

/** One client of the proxy and its way to the server. */
export class ProxyConnection {
  /** From 1, in the order of arrival. */
  readonly id: number
  /** When it came, epoch milliseconds. */
  readonly openedAt: number = Date.now()
  readonly #host: ConnectionHost
  readonly #client: Socket
  readonly #server: Socket
  readonly #pipes: Readonly<Record<Direction, Pipe>>
  #connecting = false
  #over = false

  constructor(id: number, client: Socket, host: ConnectionHost) {
    this.id = id
    this.#host = host
    this.#client = client
    this.#server = new Socket({ allowHalfOpen: true })
    client.setNoDelay(true)
    const pipe = (direction: Direction, from: Socket, to: Socket): Pipe =>
      new Pipe({
        direction,
        from,
        to,
        faults: () => host.faults(this),
        allow: (bytes) => host.allow(this, direction, bytes),
        cut: (how) => this.cut(how),
      })
    this.#pipes = {
      'client->server': pipe('client->server', client, this.#server),
      'server->client': pipe('server->client', this.#server, client),
    }
    this.#server.on('error', (error: NodeJS.ErrnoException) => {
      // to the client a refusing server looks like one that dies on arrival
      if (error.syscall === 'connect') host.event('upstream-failed', this, error.code ?? error.message)
      this.#end('rst')
    })
    client.on('error', () => this.#end('rst'))
    for (const socket of [client, this.#server]) socket.on('close', () => this.#bothClosed())
    this.wake()
  }

  /** Looks again, after the faults changed. A connection that hangs does not even reach for the server. */
  wake(): void {
    if (this.#over || this.#host.faults(this).accept === 'hang') return
    if (!this.#connecting) {
      this.#connecting = true
      const { host, port } = this.#host.upstream
      this.#server.setNoDelay(true)
      this.#server.connect({ host, port })
    }
    for (const pipe of Object.values(this.#pipes)) pipe.wake()
  }

  /** Bytes that were let through so far. */
  get bytes(): Readonly<Record<Direction, number>> {
    return {
      'client->server': this.#pipes['client->server'].forwarded,
      'server->client': this.#pipes['server->client'].forwarded,
    }
  }

  /** Bytes that half-open made vanish so far: shows that the fault hit something. */
  get swallowed(): Readonly<Record<Direction, number>> {
    return {
      'client->server': this.#pipes['client->server'].swallowed,
      'server->client': this.#pipes['server->client'].swallowed,
    }
  }

  /** The first bytes that the client sent (at most 512), to tell a subscriber from a producer. */
  get head(): Buffer {
    return this.#pipes['client->server'].head
  }

  /** Ends it on both sides at once. Bytes that wait inside the proxy are lost. */
  cut(how: CutKind): void {
    if (this.#over) return
    this.#host.event('cut', this, how)
    this.#end(how)
  }

  #end(how: CutKind): void {
    if (this.#over) return
    this.#over = true
    for (const pipe of Object.values(this.#pipes)) pipe.stop()
    for (const socket of [this.#client, this.#server]) {
      if (how === 'rst') {
        socket.resetAndDestroy()
        continue
      }
      socket.end()
      socket.once('end', () => socket.destroy())
      socket.resume() // what still comes is read and dropped: closing over unread bytes would be a reset
      setTimeout(() => socket.destroy(), FIN_GRACE_MS).unref()
    }
    this.#host.closed(this)
  }

  #bothClosed(): void {
    // a server that was never reached for has no close event of its own
    if (!this.#client.destroyed || (this.#connecting && !this.#server.destroyed)) return
    if (!this.#over) {
      this.#over = true
      for (const pipe of Object.values(this.#pipes)) pipe.stop()
      this.#host.closed(this)
    }
    this.#host.event('close', this, '')
  }
}
