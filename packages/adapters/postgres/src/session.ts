import { type AdapterHost, BrokerError, type Cancel, withDeadline } from '@switchyard/core/adapter'
import pg from 'pg'
import { toBrokerError } from './errors.ts'
import type { Settings } from './options.ts'

/** Alone on the queue, or beside others. */
export type LockMode = 'exclusive' | 'shared'

/** One consumer's hold on its queue. Session locks end with the connection and are taken again after each reconnect. */
export interface Hold {
  /** `held`: nobody forbids us to take. `refused`: somebody else came in during an outage. `unknown`: not connected. */
  readonly state: 'held' | 'refused' | 'unknown'
  release(): Promise<void>
}

/** How long a silent connection may be dead before we know: one probe per interval, five seconds for its answer. */
const PROBE_EVERY_MS = 10_000
const PROBE_WITHIN_MS = 5_000
const RETRY_MOST_MS = 1_000

interface Entry {
  readonly queue: string
  readonly mode: LockMode
  state: Hold['state']
}

/**
 * The one connection with session state: notifications (LISTEN) and advisory locks. It reconnects for ever with at most
 * one second between tries; after each reconnect everybody is rung, because notifications of the meantime are gone.
 */
export class Session {
  readonly #host: AdapterHost
  readonly #settings: Settings
  readonly #rings = new Map<string, Set<() => void>>()
  readonly #entries = new Set<Entry>()
  #channel: string | null = null
  #client: pg.Client | null = null
  #connecting: Promise<void> | null = null
  #cancelTimer: Cancel = () => undefined
  #failures = 0
  #turn: Promise<void> = Promise.resolve()
  #closed = false

  constructor(settings: Settings, host: AdapterHost) {
    this.#settings = settings
    this.#host = host
  }

  /** Tries once and goes on in the background: without notifications consumers still poll. */
  async open(channel: string): Promise<void> {
    this.#channel = channel
    await this.#connect().catch((error: unknown) => {
      this.#report(error)
      this.#scheduleConnect()
    })
  }

  /** Calls `ring` at every message stored in `queue` and after every reconnect. Returns the way to stop. */
  onRing(queue: string, ring: () => void): () => void {
    const rings = this.#rings.get(queue) ?? new Set()
    this.#rings.set(queue, rings.add(ring))
    return () => void rings.delete(ring)
  }

  /** Null when somebody else forbids it: an exclusive holder anybody, a shared one the exclusive. */
  async hold(queue: string, mode: LockMode): Promise<Hold | null> {
    // one session never conflicts with itself: our own consumers are compared here
    for (const other of this.#entries)
      if (other.queue === queue && (mode === 'exclusive' || other.mode === 'exclusive')) return null
    const entry: Entry = { queue, mode, state: 'unknown' }
    this.#entries.add(entry)
    try {
      if (this.#client === null) await this.#connect()
      await this.#take(entry)
    } catch (error) {
      this.#entries.delete(entry)
      throw error
    }
    if (entry.state === 'refused') {
      this.#entries.delete(entry)
      return null
    }
    return {
      get state() {
        return entry.state
      },
      release: () => this.#release(entry),
    }
  }

  /** Asks again for a lock that was refused after a reconnect. */
  async retake(): Promise<void> {
    for (const entry of this.#entries) if (entry.state === 'refused') await this.#take(entry)
  }

  /** Idempotent; ends locks and notifications. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelTimer()
    const client = this.#client
    this.#client = null
    if (client !== null) await end(client)
  }

  async #take(entry: Entry): Promise<void> {
    const call = entry.mode === 'exclusive' ? 'pg_try_advisory_lock' : 'pg_try_advisory_lock_shared'
    const rows = await this.#query(`SELECT ${call}(hashtextextended($1, 0)) AS got`, [this.#lockName(entry.queue)])
    entry.state = rows[0]?.got === true ? 'held' : 'refused'
  }

  async #release(entry: Entry): Promise<void> {
    if (!this.#entries.delete(entry) || entry.state !== 'held' || this.#client === null) return
    const call = entry.mode === 'exclusive' ? 'pg_advisory_unlock' : 'pg_advisory_unlock_shared'
    await this.#query(`SELECT ${call}(hashtextextended($1, 0))`, [this.#lockName(entry.queue)]).catch(() => {
      // the connection is gone, and the lock with it
    })
  }

  #lockName(queue: string): string {
    return `switchyard:${this.#settings.schema}:${queue}`
  }

  /** One after the other: `pg` deprecates statements that wait inside the client. */
  async #query(text: string, values: unknown[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const before = this.#turn
    const turn = Promise.withResolvers<void>()
    this.#turn = turn.promise
    await before
    try {
      return await this.#ask(text, values)
    } finally {
      turn.resolve()
    }
  }

  async #ask(text: string, values: unknown[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const client = this.#client
    if (client === null)
      throw new BrokerError({
        code: 'unavailable',
        adapter: 'postgres',
        message: 'the notification connection is down',
      })
    const late = () => new Error('timeout expired on the notification connection')
    const { clock, callDeadlineMs } = this.#host
    const call = client.query({ text, values })
    const limit = Math.min(PROBE_WITHIN_MS, callDeadlineMs)
    return (await withDeadline(clock, limit, call, late).catch((error: unknown) => this.#drop(client, error))).rows
  }

  #connect(): Promise<void> {
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = null
    })
    return this.#connecting
  }

  async #open(): Promise<void> {
    const client = new pg.Client({
      ...this.#settings.connection,
      keepAlive: true,
      connectionTimeoutMillis: Math.min(PROBE_WITHIN_MS, this.#host.connectDeadlineMs),
    })
    client.on('error', (error) => this.#lost(client, error))
    client.on('end', () => this.#lost(client, new Error('Connection terminated')))
    client.on('notification', ({ payload }) => this.#ring(payload))
    try {
      const late = () => new Error('timeout expired on the notification connection')
      await client.connect()
      const listening = client.query(`LISTEN "${this.#channel ?? ''}"`)
      await withDeadline(this.#host.clock, PROBE_WITHIN_MS, listening, late)
    } catch (error) {
      await end(client)
      throw error
    }
    if (this.#closed) return end(client)
    this.#client = client
    this.#failures = 0
    for (const entry of this.#entries) if (entry.state === 'unknown') await this.#take(entry)
    for (const queue of this.#rings.keys()) this.#ring(queue)
    this.#scheduleProbe(client)
  }

  #ring(queue: string | undefined): void {
    for (const ring of this.#rings.get(queue ?? '') ?? []) ring()
  }

  /** A half-open connection says nothing: ask, and drop it when no answer comes or the subscription is gone. */
  #scheduleProbe(client: pg.Client): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#host.clock.schedule(PROBE_EVERY_MS, () => {
      const sql = 'SELECT EXISTS (SELECT 1 FROM pg_listening_channels() AS c(name) WHERE name = $1) AS listening'
      this.#query(sql, [this.#channel]).then(
        (rows) => {
          if (this.#client !== client) return
          if (rows[0]?.listening === true) this.#scheduleProbe(client)
          else this.#lost(client, new Error('the subscription is gone (a transaction pooler in between?)'))
        },
        () => undefined, // dropped and reported by the query itself
      )
    })
  }

  #drop(client: pg.Client, error: unknown): never {
    this.#lost(client, error)
    throw error
  }

  #lost(client: pg.Client, error: unknown): void {
    if (this.#client !== client || this.#closed) return
    this.#client = null
    for (const entry of this.#entries) entry.state = 'unknown'
    this.#report(error)
    void end(client)
    this.#scheduleConnect()
  }

  #report(error: unknown): void {
    this.#host.report(toBrokerError(error, { doing: 'listen for new messages', writes: false }))
  }

  #scheduleConnect(): void {
    this.#cancelTimer()
    const { clock } = this.#host
    const waitMs = Math.min(RETRY_MOST_MS, 50 * 2 ** this.#failures) * (0.5 + clock.random() / 2)
    this.#failures = Math.min(this.#failures + 1, 10)
    this.#cancelTimer = clock.schedule(waitMs, () => {
      if (this.#closed || this.#client !== null) return
      this.#connect().catch(() => {
        if (!this.#closed && this.#client === null) this.#scheduleConnect()
      })
    })
  }
}

/** Ends without waiting for a peer that may be gone. */
async function end(client: pg.Client): Promise<void> {
  client.removeAllListeners('end')
  client.on('error', () => undefined)
  void client.end().catch(() => undefined)
}
