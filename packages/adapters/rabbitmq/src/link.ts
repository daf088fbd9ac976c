import type { Socket } from 'node:net'
import { type AdapterHost, BrokerError, type Cancel, withDeadline } from '@switchyard/core/adapter'
import { type Channel, type ChannelModel, connect } from 'amqplib'
import { ADAPTER, closedError, lateError, toBrokerError } from './errors.ts'
import type { Target } from './options.ts'

/** One native connection, from its birth to its end. */
export interface Session {
  /** Grows with every connection of a link: nothing of an older generation can be used again. */
  readonly generation: number
  readonly model: ChannelModel
  /** Server version, e.g. `3.10.8`. */
  readonly version: string
  /** Set while the server refuses publishes (memory or disk alarm): its reason. */
  blocked: string | null
}

/** What a link needs. */
export interface LinkParts {
  readonly host: AdapterHost
  readonly target: Target
  /** Shown in the server's list of connections. */
  readonly purpose: string
  /** Runs on every new connection before anybody may use it: topology. */
  prepare(session: Session): Promise<void>
}

/** A pulse every 3 s, given up after three without an answer: a dead peer is noticed within 12 s, a stalled event loop costs one. */
const PULSE_MS = 3_000
const MISSES = 3
const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 2_000
/** For one attempt, so that a frozen server is asked again soon after it wakes. */
const ATTEMPT_MS = 5_000

/**
 * A supervised connection. amqplib's own recovery is not used: it brings back neither channels nor consumers, and a missing
 * listener in it ends the process (seam.md 3a). Here an ended connection is replaced with backoff until `close`.
 */
export class Link {
  readonly #parts: LinkParts
  readonly #waiters = new Set<{ resolve(session: Session): void; reject(error: unknown): void }>()
  #session: Session | null = null
  #generation = 0
  #closed = false
  #cancelRetry: Cancel = () => {}

  constructor(parts: LinkParts) {
    this.#parts = parts
  }

  /** First connection: one attempt, within `connectDeadlineMs`. */
  async open(): Promise<void> {
    await this.#connect(this.#parts.host.connectDeadlineMs)
  }

  /** The connection at this moment, if there is one. */
  get session(): Session | null {
    return this.#session
  }

  /** The connection, waiting for it as long as a first connect may take. @throws BrokerError unavailable, forbidden, closed */
  async acquire(doing: string, signal?: AbortSignal): Promise<Session> {
    if (this.#closed) throw closedError('the connection')
    if (this.#session !== null) return this.#session
    const { host, target } = this.#parts
    const waitMs = Math.min(host.connectDeadlineMs, host.callDeadlineMs)
    return new Promise((resolve, reject) => {
      const waiter = {
        resolve: (session: Session) => end(() => resolve(session)),
        reject: (error: unknown) => end(() => reject(error)),
      }
      const end = (answer: () => void) => {
        cancel()
        signal?.removeEventListener('abort', onAbort)
        this.#waiters.delete(waiter)
        answer()
      }
      const down = () =>
        waiter.reject(
          new BrokerError({
            adapter: ADAPTER,
            code: 'unavailable',
            message: `${target.label} has been unreachable for ${waitMs} ms; could not ${doing}; nothing was sent`,
          }),
        )
      const onAbort = () => waiter.reject(closedError('the connection'))
      const cancel = host.clock.schedule(waitMs, down)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.add(waiter)
    })
  }

  /** Ends the connection and stops replacing it. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelRetry()
    for (const waiter of [...this.#waiters]) waiter.reject(closedError('the connection'))
    const session = this.#session
    this.#session = null
    if (session === null) return
    const { clock } = this.#parts.host
    await withDeadline(clock, 2_000, session.model.close(), () => lateError(2_000, { doing: 'close' })).catch(() => {})
    destroy(session.model, 'closed')
  }

  async #connect(limitMs: number): Promise<void> {
    const { host, target, purpose, prepare } = this.#parts
    const doing = `connect to ${target.label}`
    const opening = connect(target.connect, {
      ...target.tls,
      timeout: limitMs,
      noDelay: true,
      keepAlive: true,
      clientProperties: { connection_name: `switchyard ${purpose}` },
    })
    let given = false
    // A connection that comes after its deadline belongs to nobody.
    opening.then(
      (model) => {
        if (!given) return
        model.on('error', () => {})
        destroy(model, 'too late')
      },
      () => {},
    )
    let model: ChannelModel
    try {
      model = await withDeadline(host.clock, limitMs, opening, () => lateError(limitMs, { doing, maybeApplied: false }))
    } catch (error) {
      given = true
      const known = toBrokerError(error, { doing })
      throw known.code === 'timeout' ? unavailable(known) : known
    }
    corkTogether(model)
    const session: Session = {
      generation: ++this.#generation,
      model,
      version: String(model.connection.serverProperties.version),
      blocked: null,
    }
    let cause: unknown
    let up = false
    model.on('error', (error) => {
      cause = error
    })
    model.on('close', (error) => {
      destroy(model, 'ended')
      if (up) this.#down(session, cause ?? error)
    })
    model.on('blocked', (reason) => {
      session.blocked = reason
    })
    model.on('unblocked', () => {
      session.blocked = null
    })
    try {
      refuseOld(session.version)
      await this.#startPulse(session)
      await prepare(session)
    } catch (error) {
      destroy(model, 'preparation failed')
      throw toBrokerError(error, { doing })
    }
    if (this.#closed) {
      destroy(model, 'closed')
      throw closedError('the connection')
    }
    up = true
    this.#session = session
    for (const waiter of [...this.#waiters]) waiter.resolve(session)
  }

  #down(session: Session, cause: unknown): void {
    if (this.#session !== session) return
    this.#session = null
    const { host, target } = this.#parts
    host.report(
      toBrokerError(cause ?? new Error('Connection closed'), { doing: `keep the connection to ${target.label}` }),
    )
    this.#retry(FIRST_WAIT_MS)
  }

  #retry(waitMs: number): void {
    if (this.#closed) return
    const { host } = this.#parts
    this.#cancelRetry = host.clock.schedule(waitMs * (0.5 + host.clock.random() / 2), () => {
      this.#connect(ATTEMPT_MS).catch((error: unknown) => {
        if (this.#closed) return
        const known = toBrokerError(error, { doing: 'reconnect' })
        host.report(known)
        if (known.code === 'forbidden') for (const waiter of [...this.#waiters]) waiter.reject(known)
        this.#retry(Math.min(waitMs * 2, LONGEST_WAIT_MS))
      })
    })
  }

  /** Asks the server something harmless on a channel of its own, because heartbeats alone notice too late. */
  async #startPulse(session: Session): Promise<void> {
    const { clock } = this.#parts.host
    const { model } = session
    const opening = openChannel(model)
    const channel = await withDeadline(clock, ATTEMPT_MS, opening, () =>
      lateError(ATTEMPT_MS, { doing: 'open a channel' }),
    )
    let waiting = 0
    let cancel: Cancel = () => {}
    const beat = () => {
      cancel = clock.schedule(PULSE_MS, beat)
      // A blocked connection is not read by the server: it is alive and silent on purpose.
      if (session.blocked !== null) return
      if (waiting >= MISSES) return destroy(model, `no answer to ${MISSES} pulses in ${PULSE_MS * MISSES} ms`)
      waiting += 1
      if (waiting > 1) return
      channel.prefetch(1).then(
        () => {
          waiting = 0
        },
        () => cancel(),
      )
    }
    model.on('close', () => cancel())
    cancel = clock.schedule(PULSE_MS, beat)
  }
}

/** A channel with its `error` listener from birth; how it ended is told by `close` and by the calls it fails. */
export async function openChannel(model: ChannelModel): Promise<Channel> {
  const channel = await model.createChannel()
  channel.on('error', () => {})
  return channel
}

/**
 * Ends the socket at once. amqplib offers only the polite way, which leaves a half-open socket behind when the peer is silent; `stream`
 * is its socket (lib/connection.js 2.3.1), and an error on it runs amqplib's own teardown.
 */
function destroy(model: ChannelModel, why: string): void {
  const { stream } = model.connection as unknown as {
    stream?: { destroy(error?: Error): void; on(event: 'error', run: () => void): void }
  }
  stream?.on('error', () => {})
  stream?.destroy(Object.assign(new Error(`Connection closed: ${why}`), { code: 'ECONNABORTED' }))
}

/**
 * amqplib writes one frame per call of `write`, each a system call; corked until the next microtask they leave together. Measured on
 * 3.10.8 at concurrency 100: 1.05 -> 0.02 writes and 54 -> 31 µs of our CPU per job. A socket that has died meanwhile ignores it.
 */
function corkTogether(model: ChannelModel): void {
  const { stream } = model.connection as unknown as { stream?: Socket }
  if (stream === undefined) return
  const write = stream.write.bind(stream) as (...all: unknown[]) => boolean
  let corked = false
  stream.write = (...all: unknown[]): boolean => {
    if (!corked) {
      corked = true
      stream.cork()
      queueMicrotask(() => {
        corked = false
        stream.uncork()
      })
    }
    return write(...all)
  }
}

function unavailable(late: BrokerError): BrokerError {
  return new BrokerError({
    adapter: ADAPTER,
    code: 'unavailable',
    message: `the server does not answer: ${late.message}`,
    cause: late,
  })
}

/** Quorum queues with message TTL and at-least-once dead-lettering came with 3.10. */
function refuseOld(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 3 || (major === 3 && minor >= 10)) return
  throw new BrokerError({
    adapter: ADAPTER,
    code: 'version',
    message: `RabbitMQ ${version} is too old; 3.10 or later is needed`,
  })
}
