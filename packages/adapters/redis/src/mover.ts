import { type AdapterHost, BrokerError, type Message, type SettleResult } from '@switchyard/core/adapter'
import { createRedisBackend } from 'bullmq'
import { ADAPTER, toBrokerError } from './errors.ts'
import { Link } from './link.ts'
import type { Settings } from './options.ts'
import type { Backend } from './queues.ts'
import { forScripts, type Reply, type Transaction, transactionOn } from './transaction.ts'
import { toJob, uniqueId } from './wire.ts'

/** A lock that is renewed between WATCH and EXEC spoils the round: look again, so often at most. */
const ROUNDS = 10

/** What a move runs. */
const SCRIPTS = ['addStandardJob', 'addDelayedJob', 'moveToFinished'] as const

/** One move out of `from`, whose lease is `token`. */
export interface Move {
  readonly id: string
  readonly token: string
  readonly from: Backend
  readonly to: Backend
  readonly message: Message
  /** As `moveToFinished` takes them. */
  readonly finish: Parameters<Backend['moveToFinished']>[1]
}

/** What was found under WATCH. */
interface Found {
  readonly held: boolean
  /** The target has this id already: `waiting` from an earlier try of this move, `done` only as a memory. */
  readonly there: 'no' | 'waiting' | 'done'
  readonly uniqueFree: boolean
}

/**
 * Moves: the new job is added and the old one completed in one MULTI, under WATCH of the lease. On a connection of its own,
 * opened with the first move, because WATCH belongs to a connection; one round at a time.
 */
export class Mover {
  readonly #settings: Settings
  readonly #host: AdapterHost
  #opening: Promise<Link> | null = null
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(settings: Settings, host: AdapterHost) {
    this.#settings = settings
    this.#host = host
  }

  /** All or none of those whose lease stands; the others are `lost`. Rejects with native errors. */
  move(moves: readonly Move[]): Promise<readonly SettleResult[]> {
    const turn = this.#turn.then(() => this.#move(moves))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  close(): void {
    this.#closed = true
    this.#opening?.then(
      (link) => link.close(),
      () => undefined,
    )
  }

  async #link(): Promise<Link> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = null
      throw error
    })
    return this.#opening
  }

  async #open(): Promise<Link> {
    const link = new Link(this.#settings, this.#host, 'moving')
    try {
      await link.open()
      // defines BullMQ's scripts on this connection
      const backend = createRedisBackend('switchyard', { connection: link.redis, skipVersionCheck: true })
      backend.on('error', () => undefined)
      await backend.waitUntilReady()
    } catch (error) {
      link.close()
      throw error
    }
    if (this.#closed) link.close()
    return link
  }

  async #move(moves: readonly Move[]): Promise<readonly SettleResult[]> {
    const link = await this.#link()
    for (let round = 0; round < ROUNDS; round += 1) {
      const results = await this.#round(link, moves)
      if (results !== null) return results
    }
    throw new BrokerError({
      adapter: ADAPTER,
      code: 'conflict',
      message: `could not move: the leases changed under each of ${ROUNDS} tries`,
    })
  }

  /** Null: something changed under WATCH, nothing was applied. */
  async #round({ redis }: Link, moves: readonly Move[]): Promise<readonly SettleResult[] | null> {
    let dropped = false
    const drop = () => {
      dropped = true
    }
    redis.once('close', drop)
    try {
      await redis.watch(...moves.flatMap((move) => [lockKey(move), move.to.toKey(move.message.id), uniqueKey(move)]))
      const found = await this.#look(redis, moves)
      const live = moves.filter((_, index) => found[index]?.held)
      if (live.length === 0) {
        await redis.unwatch()
        return moves.map(() => 'lost')
      }
      const multi = transactionOn(redis)
      // An emptied script cache would make ioredis run the script again outside of the MULTI: they are loaded inside of it.
      // Without memory the script that adds is refused, but not the one that completes: this one takes the whole MULTI with it.
      const [first] = live
      for (const script of SCRIPTS) multi.script('LOAD', redis.scriptText(script))
      if (first !== undefined) multi.setrange(first.to.toKey('sy-fence'), 0, '')
      const places = live.map((move) => queueMove(multi, move, found[moves.indexOf(move)] as Found))
      // WATCH ended with its connection: on a new one EXEC would check nothing
      if (dropped) throw new Error('Connection is closed.')
      const replies = await multi.exec()
      return replies === null
        ? null
        : this.#answers(moves, { live, places, replies: replies.slice(SCRIPTS.length + 1) })
    } finally {
      redis.off('close', drop)
    }
  }

  async #look(redis: Link['redis'], moves: readonly Move[]): Promise<readonly Found[]> {
    const pipeline = redis.pipeline()
    for (const move of moves) {
      pipeline.get(lockKey(move))
      pipeline.hmget(move.to.toKey(move.message.id), 'timestamp', 'finishedOn')
      pipeline.exists(uniqueKey(move))
    }
    const replies: readonly Reply[] = (await pipeline.exec()) ?? []
    return moves.map((move, index) => {
      const [lock, target, unique] = replies.slice(3 * index, 3 * index + 3) as unknown as [Reply, Reply, Reply]
      for (const [error] of [lock, target, unique]) if (error) throw error
      const [timestamp, finishedOn] = target[1] as readonly (string | null)[]
      const there = finishedOn ? 'done' : timestamp ? 'waiting' : 'no'
      return { held: lock[1] === move.token, there, uniqueFree: unique[1] === 0 }
    })
  }

  #answers(
    moves: readonly Move[],
    done: { readonly live: readonly Move[]; readonly places: readonly Queued[]; readonly replies: readonly Reply[] },
  ): readonly SettleResult[] {
    const results = new Map<Move, SettleResult>()
    let from = 0
    done.live.forEach((move, index) => {
      const { commands, finish } = done.places[index] as Queued
      const mine = done.replies.slice(from, from + commands)
      from += commands
      const failed = mine.find(([error]) => error)?.[0]
      const code = Number(mine[finish]?.[1])
      if (failed) results.set(move, toBrokerError(failed, { doing: 'move', writes: true }))
      // under WATCH this is the second settlement of one lease in one call
      else results.set(move, code < 0 ? 'lost' : 'settled')
    })
    return moves.map((move) => results.get(move) ?? 'lost')
  }
}

/** How many commands a move takes, and which of them completes the old job. */
interface Queued {
  readonly commands: number
  readonly finish: number
}

function queueMove(multi: Transaction, move: Move, { there, uniqueFree }: Found): Queued {
  let commands = 0
  let finish = 0
  const complete = () => {
    move.from.execCommand(forScripts(multi), 'moveToFinished', [...move.finish])
    finish = commands
    commands += 1
  }
  const add = () => {
    void move.to.addJobToTransaction(forScripts(multi), toJob(move.message, { unique: uniqueFree }), move.message.id)
    commands += 1
  }
  const forget = () => {
    multi.zrem(move.to.keys.completed ?? '', move.message.id)
    multi.del(move.to.toKey(move.message.id))
    commands += 2
  }
  if (move.to.toKey(move.message.id) === move.from.toKey(move.id)) {
    // onto itself: what is there is the old one, and it must be gone first
    complete()
    forget()
    add()
    return { commands, finish }
  }
  if (there === 'done') forget()
  if (there !== 'waiting') add()
  complete()
  return { commands, finish }
}

function lockKey(move: Move): string {
  return `${move.from.toKey(move.id)}:lock`
}

/** Of the unique promise; any key that is watched anyway where there is none. */
function uniqueKey(move: Move): string {
  const { unique } = move.message
  return unique === undefined ? lockKey(move) : `${move.to.keys.de}:${uniqueId(unique.key)}`
}
