import type { EventOf } from '@switchyard/conformance/history'
import type { AnyJob } from '@switchyard/core'
import {
  type Adapter,
  BrokerError,
  type BrowseResult,
  type Clock,
  deadName,
  laneName,
  sleepOn,
} from '@switchyard/core/adapter'

/** What a census says about one queue, before it is written down. */
export type QueueCensus = Omit<EventOf<'census'>, 'proc' | 'epoch' | 'seq' | 'atMs' | 'wallMs'>

/** The broker queues of a set of definitions: their lanes, and their dead queues. */
export function queuesOf(jobs: readonly AnyJob[]): ReadonlyMap<string, 'queue' | 'dead'> {
  const queues = new Map<string, 'queue' | 'dead'>()
  for (const { queue, priority } of jobs) {
    queues.set(laneName(queue, priority), 'queue')
    queues.set(deadName(queue), 'dead')
  }
  return queues
}

/** Everything in a queue, whatever its state; null where the broker cannot say. A queue that does not exist is empty. */
export async function countOf(
  adapter: Adapter,
  queue: string,
): Promise<{
  readonly count: number | null
  readonly exact: boolean
  /** Nothing is ready, and that much is exact: reading would show nothing. */
  readonly surelyEmpty: boolean
}> {
  try {
    const { ready, leased, delayed } = await adapter.stats(queue)
    const figures = [ready, leased, delayed]
    const known = figures.flatMap((figure) => (figure === null ? [] : [figure]))
    if (ready === null) return { count: null, exact: false, surelyEmpty: false }
    return {
      count: known.reduce((sum, { value }) => sum + value, 0),
      exact: known.every(({ exact }) => exact) && leased !== null && delayed !== null,
      surelyEmpty: ready.exact && ready.value === 0,
    }
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'not-found') return { count: 0, exact: true, surelyEmpty: true }
    throw error
  }
}

/** What a census reads. */
export interface CensusOptions {
  readonly adapter: Adapter
  readonly clock: Clock
  readonly queue: string
  readonly role: 'queue' | 'dead'
  readonly jobOf: (body: string) => string | null
}

/** A broker that is just coming back is waited for so long. */
const PATIENCE_MS = 30_000
const PAUSE_MS = 500
const MOST_ROUNDS = 4

/** Takes the census of a queue until two agree, each given to `write`: a count that lags behind would lose or invent jobs. */
export async function agreedCensus(options: CensusOptions, write: (census: QueueCensus) => void): Promise<void> {
  const { clock } = options
  const until = clock.now() + PATIENCE_MS
  let before = ''
  for (let round = 1; round <= MOST_ROUNDS; ) {
    try {
      const census = await takeCensus(options)
      write(census)
      const now = JSON.stringify([census.count, [...(census.jobs ?? [])].sort()])
      if (now === before) return
      before = now
      round += 1
    } catch (error) {
      if (!(error instanceof BrokerError && error.retryable) || clock.now() > until) throw error
      await clock.sleep(PAUSE_MS)
    }
  }
}

/** Counts and names what is left in one queue. Workers must have ended: reading without browse leases every message for a moment. */
export async function takeCensus(options: CensusOptions): Promise<QueueCensus> {
  const { adapter, queue, role, jobOf } = options
  const { count, exact, surelyEmpty } = await countOf(adapter, queue)
  if (count === 0 && (exact || surelyEmpty)) return { kind: 'census', queue, role, count, exact, jobs: [] }
  const bodies = adapter.browse === undefined ? await leaseAll(options) : await browseAll(adapter, queue)
  const ids = bodies.map(jobOf)
  const jobs = ids.filter((id) => id !== null)
  // Fewer than were counted: somebody still leases one, or it is not due. Then the list is no list of all.
  const whole = count === null ? false : jobs.length >= count
  return { kind: 'census', queue, role, count, exact, jobs: whole ? jobs : null }
}

const PAGE = 500

async function browseAll(adapter: Adapter, queue: string): Promise<readonly string[]> {
  const bodies: string[] = []
  const nothing: BrowseResult = { messages: [], cursor: null }
  for (const state of ['ready', 'delayed', 'leased'] as const) {
    let cursor: string | null = null
    do {
      const page: BrowseResult = (await adapter.browse?.(queue, { state, cursor, limit: PAGE })) ?? nothing
      bodies.push(...page.messages.map(({ message }) => message.body))
      cursor = page.cursor
    } while (cursor !== null)
  }
  return bodies
}

/** Long enough to read everything before the first lease ends: leases here are not those of the run. */
const READ_LEASE_MS = 30_000

/** Nothing more for so long means that the queue has shown all it has. */
const SILENCE_MS = 1_500

async function leaseAll({ adapter, clock, queue }: CensusOptions): Promise<readonly string[]> {
  const exclusive = adapter.capabilities.exclusive.value ? { exclusive: true } : {}
  const consumer = await adapter.consume(queue, { leaseMs: READ_LEASE_MS, prefetch: 0, lost: () => {}, ...exclusive })
  const bodies = new Map<string, string>()
  try {
    for (;;) {
      const silence = new AbortController()
      const heard = new AbortController()
      void sleepOn(clock, SILENCE_MS, heard.signal).then(() => silence.abort())
      const deliveries = await consumer.receive(PAGE, silence.signal)
      heard.abort()
      if (deliveries.length === 0) return [...bodies.values()]
      for (const { message } of deliveries) bodies.set(message.id, message.body)
    }
  } finally {
    // Gives everything back without a lapse where the broker can.
    await consumer.close()
  }
}
