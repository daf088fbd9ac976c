import { type AdapterHost, withDeadline } from '@switchyard/core/adapter'
import type { Channel } from 'amqplib'
import { delayRoute, destinationPattern, levelPattern } from './delay-route.ts'
import { lateError, toBrokerError } from './errors.ts'
import { type Link, openChannel, type Session } from './link.ts'

/** What one generation of the connection has made sure of: so many delay levels, and queues bound to the end of the chain. */
interface Seen {
  readonly generation: number
  levels: number
  readonly bound: Set<string>
}

/** How long a queue made before 3.13 may be forgotten by a killed server (rabbitmq/ra#443: about a second), with half as much again. */
const FRESH_MS = 1_500
/** How long a reconnection waits for its queues. */
const RESTORE_MS = 3_000
/** Stands for all delay levels; no queue is called so. */
const CHAIN = '*'

/** Names and arguments of everything that we declare, and who may assume that it is there. */
export class Topology {
  readonly #host: AdapterHost
  readonly #prefix: string
  readonly #unitMs: number
  readonly #declared = new Set<string>()
  #seen: Seen = { generation: -1, levels: 0, bound: new Set() }
  /** Queues and levels made by us a moment ago, and when a killed server will remember them. */
  readonly #fresh = new Map<string, number>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor({ host, prefix, unitMs }: { host: AdapterHost; prefix: string; unitMs: number }) {
    this.#host = host
    this.#prefix = prefix
    this.#unitMs = unitMs
  }

  /** The native name of a queue. */
  queue(name: string): string {
    return `${this.#prefix}${name}`
  }

  /** Declares a queue and lets the delay chain end in it. */
  async declare(link: Link, name: string): Promise<void> {
    const session = await link.acquire('declare the queue')
    const made = await this.#missing(session, this.queue(name))
    await this.#declare(session, name)
    this.#declared.add(name)
    if (made) this.#made(name)
  }

  /**
   * Resolves when what was stored in these queues (and, if delayed, in the chain) is remembered by a killed server. Only a queue that we made
   * within the last 1.5 s, and only before 3.13, makes anybody wait: such a queue is unusable for ever after SIGKILL, with the confirmed messages in it.
   * Answers whether it had to wait.
   */
  async remembered(parcels: readonly { readonly queue: string; readonly delayMs: number }[]): Promise<boolean> {
    if (this.#fresh.size === 0) return false
    const names = new Set(parcels.flatMap(({ queue, delayMs }) => (delayMs > 0 ? [queue, CHAIN] : [queue])))
    const until = Math.max(0, ...[...names].map((name) => this.#fresh.get(name) ?? 0))
    const waitMs = until - this.#host.clock.now()
    if (waitMs <= 0) return false
    await this.#host.clock.sleep(waitMs)
    return true
  }

  /**
   * After a reconnection: the server may have been set up anew. A queue that cannot be declared in time (no leader yet) is reported and
   * must not keep the others from working.
   */
  async restore(session: Session): Promise<void> {
    const doing = 'declare the queue again'
    const late = (queue: string) => () => lateError(RESTORE_MS, { queue, doing })
    const work = [...this.#declared].map((name) =>
      withDeadline(this.#host.clock, RESTORE_MS, this.#declare(session, name), late(name)).catch((error: unknown) =>
        this.#host.report(toBrokerError(error, { queue: name, doing })),
      ),
    )
    await Promise.all(work)
  }

  /** The exchange and key by which a message reaches `name` after `delayMs`; declares what is missing on the way. */
  async delayed(
    link: Link,
    { name, delayMs }: { name: string; delayMs: number },
  ): Promise<{ exchange: string; routingKey: string }> {
    const { level, routingKey } = delayRoute(delayMs, this.#unitMs, this.queue(name))
    const session = await link.acquire('prepare the delay chain')
    if (this.#seen.generation !== session.generation)
      this.#seen = { generation: session.generation, levels: 0, bound: new Set() }
    const seen = this.#seen
    if (seen.levels <= level || !seen.bound.has(name)) {
      const work = this.#turn.then(() => this.#extend(session, { seen, level, name }))
      this.#turn = work.catch(() => {})
      await work
    }
    return { exchange: this.#level(level), routingKey }
  }

  /** Runs `work` on a channel of its own: a channel that the server closes (404, 406) takes nobody else's calls with it. */
  async run<Value>(
    session: Session,
    call: { readonly queue?: string; readonly doing: string },
    work: (channel: Channel) => Promise<Value>,
  ): Promise<Value> {
    const { clock, callDeadlineMs } = this.#host
    const job = async (): Promise<Value> => {
      const channel = await openChannel(session.model)
      try {
        return await work(channel)
      } finally {
        channel.close().catch(() => {})
      }
    }
    try {
      return await withDeadline(clock, callDeadlineMs, job(), () => lateError(callDeadlineMs, call))
    } catch (error) {
      const known = toBrokerError(error, call)
      throw known.code === 'unavailable' ? toBrokerError(error, { ...call, maybeApplied: true }) : known
    }
  }

  async #missing(session: Session, native: string): Promise<boolean> {
    const [major = 0, minor = 0] = session.version.split('.').map(Number)
    if (major > 3 || minor >= 13) return false
    const check = this.run(session, { doing: 'look for the queue' }, (channel) => channel.checkQueue(native))
    return check.then(
      () => false,
      (error: unknown) => toBrokerError(error, { doing: 'look' }).code === 'not-found',
    )
  }

  #made(name: string): void {
    const { clock } = this.#host
    const until = clock.now() + FRESH_MS
    this.#fresh.set(name, until)
    for (const [old, time] of this.#fresh) if (time < clock.now()) this.#fresh.delete(old)
  }

  async #declare(session: Session, name: string): Promise<void> {
    await this.run(session, { queue: name, doing: 'declare the queue' }, async (channel) => {
      await channel.assertQueue(this.queue(name), {
        durable: true,
        arguments: { 'x-queue-type': 'quorum', ...deliveryLimit(session.version) },
      })
      await channel.assertExchange(this.#end, 'topic', { durable: true })
      await channel.bindQueue(this.queue(name), this.#end, destinationPattern(this.queue(name)))
    })
  }

  async #extend(session: Session, { seen, level, name }: { seen: Seen; level: number; name: string }): Promise<void> {
    if (!seen.bound.has(name)) {
      await this.run(session, { queue: name, doing: 'bind the queue to the delay chain' }, async (channel) => {
        await channel.assertExchange(this.#end, 'topic', { durable: true })
        await channel.bindQueue(this.queue(name), this.#end, destinationPattern(this.queue(name)))
      })
      seen.bound.add(name)
    }
    if (seen.levels > level) return
    // The lower levels exist when the highest does: they are made in that order.
    const made = await this.#missing(session, this.#level(level))
    await this.run(session, { doing: 'declare the delay chain' }, async (channel) => {
      for (let next = seen.levels; next <= level; next += 1) {
        await this.#declareLevel(channel, next)
        seen.levels = next + 1
      }
    })
    if (made) this.#made(CHAIN)
  }

  /**
   * One level: its exchange, its queue, and both ways on. At-least-once dead-lettering with `reject-publish` is what keeps a killed
   * server from losing what is in the chain: the default lost 27-34 % (seam.md 3b).
   */
  async #declareLevel(channel: Channel, level: number): Promise<void> {
    const here = this.#level(level)
    const next = level === 0 ? this.#end : this.#level(level - 1)
    await channel.assertExchange(here, 'topic', { durable: true })
    await channel.assertQueue(here, {
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-message-ttl': this.#unitMs * 2 ** level,
        'x-dead-letter-exchange': next,
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      },
    })
    await channel.bindQueue(here, here, levelPattern(level, '1'))
    await channel.bindExchange(next, here, levelPattern(level, '0'))
  }

  get #end(): string {
    return `${this.#prefix}switchyard.delay.end`
  }

  /** The unit is part of the name: another unit is another chain, not a conflict. */
  #level(level: number): string {
    return `${this.#prefix}switchyard.delay.${this.#unitMs}ms.${String(level).padStart(2, '0')}`
  }
}

/** Core decides when a message has failed too often. From 4.0 the server would drop it after 20 returns; before, -1 drops at the first (seam.md 3d). */
function deliveryLimit(version: string): { 'x-delivery-limit'?: number } {
  return Number(version.split('.')[0]) >= 4 ? { 'x-delivery-limit': -1 } : {}
}
