import type { ProxyConnection } from './proxy-connection.ts'

/** The way that bytes go. The client is whoever connected to the proxy. */
export type Direction = 'client->server' | 'server->client'

/** How a connection ends: `rst` as after a crash, `fin` as after a polite close. */
export type CutKind = 'rst' | 'fin'

/** Picks connections, e.g. by number or by the first bytes seen. Default: all that are open. */
export type ConnectionFilter = (connection: ProxyConnection) => boolean

/** What happened on the proxy, in order; for histories. */
export interface ProxyEvent {
  readonly kind: 'open' | 'close' | 'cut' | 'upstream-failed' | 'mode'
  /** Number of the connection, from 1; 0 for the proxy as a whole. */
  readonly connection: number
  readonly detail: string
}

/** What the proxy does to bytes now. Undefined and zero mean: nothing. */
export interface ProxyFaults {
  /** What new connections meet. */
  readonly accept: 'forward' | 'refuse' | 'hang'
  /** Bytes of this direction are dropped silently; the connection stays open. */
  readonly halfOpen: Direction | 'both' | undefined
  /** Each piece arrives this much later, in both directions. */
  readonly delayMs: number
  /** Pieces are at most this long; 1 finds parsers that trust packet borders. */
  readonly sliceBytes: number
  /** At most this much per second and direction of a connection. */
  readonly bytesPerSecond: number
}

/** A connection is forwarded as it is. */
export const NO_FAULTS: ProxyFaults = {
  accept: 'forward',
  halfOpen: undefined,
  delayMs: 0,
  sliceBytes: 0,
  bytesPerSecond: 0,
}

/** Where the proxy is and what it leads to. */
export interface ProxyOptions {
  readonly upstream: { readonly host: string; readonly port: number }
  /** Default: a free port. Always on 127.0.0.1. */
  readonly listenPort?: number
  /** Hears what happens, for histories. */
  readonly onEvent?: (event: ProxyEvent) => void
}

/**
 * A TCP proxy on loopback that can hurt what goes through it. Faults hold for open and new connections alike, add up, and stay until
 * `restore`. Nothing is ever reordered or changed in content.
 */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number
  /** The open ones, oldest first. */
  readonly connections: readonly ProxyConnection[]
  readonly faults: ProxyFaults
  /** The address of a broker, led through this proxy: host and port replaced, also in `?endpoint=`. */
  proxied(url: string): string
  /** Ends connections on both sides and answers how many. */
  cut(options: { readonly how: CutKind; readonly only?: ConnectionFilter }): number
  /** Connecting fails from now on (ECONNREFUSED); open connections stay. */
  refuse(): Promise<void>
  /** New connections are accepted and then nothing ever comes; open ones pass nothing either. */
  hang(): Promise<void>
  /** Bytes in this direction vanish; nobody is told. */
  halfOpen(direction: Direction | 'both', options?: { readonly only?: ConnectionFilter }): void
  delay(ms: number): void
  slice(bytes: number): void
  limit(bytesPerSecond: number): void
  /**
   * Once: the first connection on which that many more bytes of the direction have been forwarded is cut, mid-frame if it comes so.
   * `0` forwards nothing: for `server->client` the reply is lost after the request was carried out.
   */
  cutAfter(
    bytes: number,
    direction: Direction,
    options?: { readonly how?: CutKind; readonly only?: ConnectionFilter },
  ): void
  /** No faults any more. What was dropped stays dropped: after half-open, cut the connections too. */
  restore(): Promise<void>
  /** Cuts everything and frees the port. */
  close(): Promise<void>
}
