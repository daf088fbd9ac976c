import type { Adapter, Delivery, Message } from '../adapter/adapter.ts'
import { BrokerError } from '../adapter/broker-error.ts'
import { copyId } from '../adapter/copy-id.ts'
import { deadName, laneName, type Priority } from '../adapter/queue-names.ts'
import { ConfigError, NotFoundError } from '../errors.ts'
import { type DeadRecord, type Envelope, encodeEnvelope, PAST_DEATHS } from '../job/envelope.ts'
import type { Emitter } from '../observe/emitter.ts'
import type { QueuePlan } from '../policy/queue-plan.ts'
import type { Clock } from '../runtime/clock.ts'
import { type DeadFilter, type DeadLetter, deadLetterOf, matcherOf } from './dead-letter.ts'
import { DeadReader } from './dead-reader.ts'

/** What a listing found. */
export interface DeadPage {
  readonly letters: readonly DeadLetter[]
  /** False: `limit` or `maxScanned` ended the search before the end of the dead queues. */
  readonly complete: boolean
  readonly scanned: number
}

/** What a replay or discard did. */
export interface DeadReport {
  /** Matching letters, acted on unless `dryRun`. */
  readonly letters: readonly DeadLetter[]
  readonly done: number
  /** Letters whose move the broker did not confirm, or that somebody else had taken. */
  readonly failed: readonly { readonly letter: DeadLetter; readonly why: string }[]
  readonly dryRun: boolean
  readonly complete: boolean
}

/** Bounds of a search. */
export interface DeadSearch {
  /** Most letters to return or act on (default: listing 100, acting without limit). */
  readonly limit?: number
  /** Most letters to look at (default 10 000): they are leased meanwhile where the broker has no browse. */
  readonly maxScanned?: number
}

const MAX_SCANNED = 10_000
const SEARCH_KEYS: readonly string[] = ['limit', 'maxScanned']
const REPLAY_KEYS: readonly string[] = [...SEARCH_KEYS, 'perSecond', 'dryRun']
const DISCARD_KEYS: readonly string[] = [...SEARCH_KEYS, 'reason', 'dryRun']
const LIST_LIMIT = 100

/** Review, replay and discard of dead letters. From `yard.deadLetters`. */
export class DeadLetters {
  readonly #adapter: Adapter
  readonly #clock: Clock
  readonly #emitter: Emitter
  readonly #plans: ReadonlyMap<string, QueuePlan>
  readonly #declare: (queue: string) => Promise<void>

  constructor(parts: {
    readonly adapter: Adapter
    readonly clock: Clock
    readonly emitter: Emitter
    readonly plans: ReadonlyMap<string, QueuePlan>
    readonly declare: (queue: string) => Promise<void>
  }) {
    this.#adapter = parts.adapter
    this.#clock = parts.clock
    this.#emitter = parts.emitter
    this.#plans = parts.plans
    this.#declare = parts.declare
  }

  /** Letters that match, without changing anything: browsed where the broker can, else leased and given back. */
  async list(filter: DeadFilter = {}, search: DeadSearch = {}): Promise<DeadPage> {
    const matches = matcherOf(filter)
    checkSearch('list', search, SEARCH_KEYS)
    const limit = search.limit ?? LIST_LIMIT
    const letters: DeadLetter[] = []
    let scanned = 0
    let complete = true
    for (const queue of this.#queues(filter)) {
      await this.#declare(queue)
      for await (const letter of this.#look(queue)) {
        if (letters.length >= limit || scanned >= (search.maxScanned ?? MAX_SCANNED)) {
          complete = false
          break
        }
        scanned += 1
        if (matches(letter)) letters.push(letter)
      }
    }
    return { letters, complete, scanned }
  }

  /** One letter with its attempt history; NotFoundError when no dead queue has it. */
  async show(jobId: string, queue?: string): Promise<DeadLetter> {
    const filter = { jobId, ...(queue === undefined ? {} : { queue }) }
    const { letters, complete } = await this.list(filter, { limit: 1 })
    const [letter] = letters
    if (letter !== undefined) return letter
    const where = queue ?? [...this.#plans.keys()].join(', ')
    throw new NotFoundError(
      `no dead letter ${jobId} in ${where}${complete ? '' : ` among the first ${MAX_SCANNED}; raise maxScanned`}`,
      { jobId },
    )
  }

  /**
   * Sends matching letters back to the lane they came from: same job id, attempts from the start, earlier deaths kept in
   * `envelope.past`. Never deduplicated. `perSecond` spreads the load; `dryRun` only tells.
   */
  replay(
    filter: DeadFilter,
    options: DeadSearch & { readonly perSecond?: number; readonly dryRun?: boolean } = {},
  ): Promise<DeadReport> {
    const { perSecond } = options
    checkSearch('replay', options, REPLAY_KEYS)
    if (perSecond !== undefined && !(typeof perSecond === 'number' && perSecond > 0)) {
      throw new ConfigError('replay: perSecond must be a number above 0', { option: 'perSecond' })
    }
    return this.#act(filter, options, async (reader, delivery, letter, queue) => {
      const { to, message } = replayOf(letter, this.#laneOf(queue, letter.envelope.priority), this.#clock.now())
      const result = await reader.settle({ kind: 'move', delivery, to, message })
      if (result === 'settled') {
        const { id, job, queue, correlationId, replays } = letter.envelope
        const event = { jobId: id, job, queue, correlationId: correlationId ?? id, replays: (replays ?? 0) + 1 }
        this.#emitter.emit('job.replayed', event)
        if (perSecond !== undefined) await this.#clock.sleep(1_000 / perSecond)
      }
      return result
    })
  }

  /** Removes matching letters for good; the reason goes to the event and the log. */
  discard(
    filter: DeadFilter,
    options: DeadSearch & { readonly reason: string; readonly dryRun?: boolean },
  ): Promise<DeadReport> {
    if (typeof options.reason !== 'string' || options.reason.trim() === '') {
      throw new ConfigError('discard: reason must say why, for whoever asks later', { option: 'reason' })
    }
    checkSearch('discard', options, DISCARD_KEYS)
    return this.#act(filter, options, async (reader, delivery, letter) => {
      const result = await reader.settle({ kind: 'complete', delivery })
      if (result === 'settled') {
        const { id, job, queue, correlationId } = letter.envelope
        const event = { jobId: id, job, queue, correlationId: correlationId ?? id, reason: options.reason }
        this.#emitter.emit('job.discarded', event)
      }
      return result
    })
  }

  async #act(
    filter: DeadFilter,
    options: DeadSearch & { readonly dryRun?: boolean },
    act: (
      reader: DeadReader,
      delivery: Delivery,
      letter: DeadLetter,
      queue: string,
    ) => Promise<'settled' | 'lost' | BrokerError>,
  ): Promise<DeadReport> {
    const limit = options.limit ?? Number.POSITIVE_INFINITY
    if (options.dryRun === true) {
      const { maxScanned } = options
      const page = await this.list(filter, { limit, ...(maxScanned === undefined ? {} : { maxScanned }) })
      return { letters: page.letters, done: 0, failed: [], dryRun: true, complete: page.complete }
    }
    const matches = matcherOf(filter)
    const letters: DeadLetter[] = []
    const failed: { letter: DeadLetter; why: string }[] = []
    let scanned = 0
    let complete = true
    let away = false
    const acted = new Set<string>()
    const most = options.maxScanned ?? MAX_SCANNED
    for (const queue of this.#queues(filter)) {
      await this.#declare(queue)
      await using reader = await DeadReader.open(this.#adapter, this.#clock, deadName(queue), this.#leaseMs(queue))
      while (!away) {
        const room = Math.min(limit - letters.length, most - scanned)
        if (room <= 0) {
          complete = false
          break
        }
        const deliveries = await reader.next(room)
        if (deliveries.length === 0) break
        for (const delivery of deliveries) {
          scanned += 1
          const letter = deadLetterOf(delivery.message, queue)
          // One that was replayed and died again meanwhile has had its turn.
          if (!matches(letter) || acted.has(letter.jobId)) continue
          if (away) break
          letters.push(letter)
          const result = await act(reader, delivery, letter, queue)
          if (result === 'settled') acted.add(letter.jobId)
          if (result === 'lost') failed.push({ letter, why: 'somebody else took it meanwhile' })
          else if (result instanceof BrokerError) {
            failed.push({ letter, why: result.message })
            away = result.retryable || result.maybeApplied
          }
        }
      }
      if (away) {
        complete = false
        break
      }
    }
    return { letters, done: letters.length - failed.length, failed, dryRun: false, complete }
  }

  async *#look(queue: string): AsyncGenerator<DeadLetter> {
    const name = deadName(queue)
    const { browse } = this.#adapter
    if (browse !== undefined) {
      let cursor: string | null = null
      do {
        const page: Awaited<ReturnType<typeof browse>> = await browse(name, {
          state: 'ready',
          cursor,
          limit: LIST_LIMIT,
        })
        for (const { message } of page.messages) yield deadLetterOf(message, queue)
        cursor = page.cursor
      } while (cursor !== null)
      return
    }
    await using reader = await DeadReader.open(this.#adapter, this.#clock, name, this.#leaseMs(queue))
    for (;;) {
      const deliveries = await reader.next(LIST_LIMIT)
      if (deliveries.length === 0) return
      for (const { message } of deliveries) yield deadLetterOf(message, queue)
    }
  }

  #queues(filter: DeadFilter): readonly string[] {
    if (filter.queue === undefined) return [...this.#plans.keys()]
    if (this.#plans.has(filter.queue)) return [filter.queue]
    throw new NotFoundError(
      `queue ${JSON.stringify(filter.queue)} is not known; known: ${[...this.#plans.keys()].join(', ') || 'none'}`,
      { queue: filter.queue, option: 'queue' },
    )
  }

  /** The lane that a letter came from, or where its priority is not in use any more, one that has workers. */
  #laneOf(queue: string, priority: Priority): string {
    const priorities = this.#plans.get(queue)?.priorities ?? []
    const [lowest = 'normal'] = priorities
    if (priorities.includes(priority)) return laneName(queue, priority)
    return laneName(queue, priorities.includes('normal') ? 'normal' : lowest)
  }

  #leaseMs(queue: string): number {
    return this.#plans.get(queue)?.leaseMs ?? this.#adapter.capabilities.minLeaseMs.value
  }
}

/** The message that brings a letter back to its lane; its raw body where it could not be decoded. */
function replayOf(letter: DeadLetter, to: string, now: number): { readonly to: string; readonly message: Message } {
  const { dead, past, ...rest } = letter.envelope
  const replays = (rest.replays ?? 0) + 1
  const id = copyId(rest.id, `replay:${replays}`)
  if (dead?.raw !== undefined) return { to, message: { id, name: rest.job, body: dead.raw, delayMs: 0 } }
  const deaths = [...(past ?? []), ...(dead === undefined ? [] : [withoutStacks(dead)])].slice(-PAST_DEATHS)
  const { notBefore: _passed, ...current } = rest
  const envelope: Envelope = { ...current, enqueuedAt: now, replays, past: deaths }
  const { orderKey } = envelope
  const body = encodeEnvelope(envelope)
  return { to, message: { id, name: rest.job, body, delayMs: 0, ...(orderKey === undefined ? {} : { orderKey }) } }
}

function withoutStacks(record: DeadRecord): DeadRecord {
  return { ...record, failures: record.failures.map(({ stack: _dropped, ...failure }) => failure) }
}

/** Unknown options are refused: a misspelt `dryRun` would act. */
function checkSearch(what: string, options: object, keys: readonly string[]): void {
  const fail = (option: string, problem: string): never => {
    throw new ConfigError(`${what}: ${option} ${problem}`, { option })
  }
  for (const [key, value] of Object.entries(options) as [string, unknown][]) {
    if (!keys.includes(key)) fail(key, `is not an option; known: ${keys.join(', ')}`)
    if (!SEARCH_KEYS.includes(key) || value === undefined || value === Number.POSITIVE_INFINITY) continue
    if (!Number.isSafeInteger(value) || (value as number) < 1) fail(key, 'must be a whole number >= 1')
  }
}
