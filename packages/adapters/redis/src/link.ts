import { type AdapterHost, BrokerError, type Cancel, withDeadline } from '@switchyard/core/adapter'
import { BrokerClockRedis } from './broker-clock-redis.ts'
import { ADAPTER, closedError, lateError, toBrokerError } from './errors.ts'
import type { Settings } from './options.ts'

/** A connection that says nothing for so long is dead: one question per interval, answered within it. */
const PULSE_MS = 4_000
/** A connection that comes up but does not get ready (a frozen server, a half-open line) is given up after this. */
const HANDSHAKE_MS = 5_000
const GRACE_MS = 1_000
const RETRY_MOST_MS = 1_000

/**
 * One connection under our supervision: listeners at birth, reconnection for ever with at most a second between tries, and a
 * pulse, because a line that died without a word would hold back everything until the call deadline. Commands fail at
 * once while it is down.
 */
export class Link {
  readonly redis: BrokerClockRedis
  readonly #host: AdapterHost
  readonly #what: string
  #cancelTimer: Cancel = () => undefined
  #wake: (() => void)[] = []
  #told = false
  #closed = false
  #wasReady = false
  #handshakeSince: number | null = null
  /** Why it is down, as far as the server or the network said. */
  #fault: BrokerError | null = null
  /** How far the server's clock is ahead of the host's, at least. */
  serverAheadMs = 0

  constructor(settings: Settings, host: AdapterHost, what: string) {
    this.#host = host
    this.#what = what
    this.redis = new BrokerClockRedis({
      host: settings.host,
      port: settings.port,
      db: settings.db,
      ...(settings.username === undefined ? {} : { username: settings.username }),
      ...(settings.password === undefined ? {} : { password: settings.password }),
      ...(settings.tls === undefined ? {} : { tls: settings.tls }),
      lazyConnect: true,
      protocol: 2,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      connectTimeout: Math.min(host.connectDeadlineMs, HANDSHAKE_MS),
      maxLoadingRetryTime: RETRY_MOST_MS, // it would wait up to 10 s after the server is ready
      retryStrategy: (times) => (this.#closed ? null : Math.min(50 * 2 ** Math.min(times - 1, 10), RETRY_MOST_MS)),
      connectionName: 'switchyard',
    })
    this.redis.setMaxListeners(0)
    this.redis.on('error', (error: unknown) => this.#failed(error))
    this.redis.on('ready', () => this.#ready())
    this.redis.on('connect', () => {
      this.#handshakeSince = host.clock.now()
    })
    this.redis.on('close', () => this.#lost())
  }

  /** First connect: the first fault ends it, typed. */
  async open(): Promise<void> {
    const first = Promise.withResolvers<void>()
    const failed = (error: unknown) => {
      // a server that is starting says so itself; everything else will not change within seconds
      if (!/LOADING/.test(String(error))) first.reject(error)
    }
    this.redis.on('error', failed)
    this.redis.once('ready', first.resolve)
    this.#schedule()
    this.redis.connect().catch(() => undefined) // told through the error event, with the reason
    const { host, port } = this.redis.options
    const call = { doing: `connect to ${host}:${port}`, writes: false }
    try {
      await withDeadline(this.#host.clock, this.#host.connectDeadlineMs, first.promise, () =>
        lateError(this.#host.connectDeadlineMs, call),
      )
    } catch (error) {
      throw toBrokerError(error, call)
    } finally {
      this.redis.off('error', failed)
      this.redis.off('ready', first.resolve)
    }
  }

  get isReady(): boolean {
    return this.redis.status === 'ready'
  }

  /** Why it is down, if anybody said. */
  get fault(): BrokerError | null {
    return this.isReady ? null : this.#fault
  }

  /** Resolves when it is ready, or after `mostMs`; look at `isReady`. */
  async untilReady(mostMs: number): Promise<void> {
    if (this.isReady || this.#closed) return
    const ready = Promise.withResolvers<void>()
    this.#wake.push(ready.resolve)
    const cancel = this.#host.clock.schedule(mostMs, ready.resolve)
    await ready.promise
    cancel()
    this.#wake = this.#wake.filter((wake) => wake !== ready.resolve)
  }

  /** The server's time, epoch ms; never ahead of it unless the host's clock was set forward since the last pulse. */
  serverNow(): number {
    return this.#host.clock.now() + this.serverAheadMs
  }

  /** Drops the connection; it comes back by itself. */
  reset(): void {
    if (!this.#closed) this.redis.disconnect(true)
  }

  /** Idempotent. Commands under way fail. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelTimer()
    for (const wake of this.#wake.splice(0)) wake()
    this.redis.disconnect()
  }

  /** Asks TIME: proves the connection and measures the server's clock. */
  async pulse(): Promise<void> {
    const [seconds = 0, micros = 0] = await this.redis.time()
    // read afterwards: the answer is older than now, so that this can only be too small
    this.serverAheadMs = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000) - this.#host.clock.now()
  }

  #schedule(): void {
    this.#cancelTimer()
    if (!this.#closed) this.#cancelTimer = this.#host.clock.schedule(PULSE_MS, () => void this.#beat())
  }

  async #beat(): Promise<void> {
    const { clock } = this.#host
    if (this.isReady) {
      // blocked in BZPOPMIN it answers nothing: whoever waits there has a deadline of its own
      if (this.#what !== 'waiting') await this.#prove()
    } else if (this.#handshakeSince !== null && clock.now() - this.#handshakeSince >= HANDSHAKE_MS) {
      this.#handshakeSince = null
      this.reset()
    }
    this.#schedule()
  }

  async #prove(): Promise<void> {
    const { clock } = this.#host
    const call = { doing: `hear from the server on the ${this.#what} connection`, writes: false }
    const asked = this.pulse()
    const within = (ms: number) => withDeadline(clock, ms, asked, () => lateError(PULSE_MS, call))
    try {
      // The second wait: where a handler kept the event loop busy, the timer fires before the answer that is there is read.
      await within(PULSE_MS).catch((error: unknown) => {
        if (error instanceof BrokerError) return within(GRACE_MS)
        throw error
      })
    } catch (error) {
      if (!(error instanceof BrokerError)) return // it went down meanwhile, and said so
      this.#fault = error
      this.reset()
    }
  }

  #ready(): void {
    this.#handshakeSince = null
    this.#fault = null
    if (this.#told) this.#host.log.info({ adapter: ADAPTER }, `${this.#what} connection is back`)
    this.#told = false
    this.#wasReady = true
    for (const wake of this.#wake.splice(0)) wake()
  }

  #failed(error: unknown): void {
    this.#fault = toBrokerError(error, { doing: `keep the ${this.#what} connection`, writes: false })
    this.#tell()
  }

  #lost(): void {
    if (this.#closed) return
    this.#fault ??= toBrokerError(new Error('Connection is closed.'), {
      doing: `keep the ${this.#what} connection`,
      writes: false,
    })
    this.#tell()
  }

  /** Once per outage. */
  #tell(): void {
    if (this.#told || this.#closed || !this.#wasReady) return
    this.#told = true
    this.#host.report(this.#fault ?? closedError(`keep the ${this.#what} connection`))
  }
}
