import type { Adapter, AdapterFactory, Consumer, Delivery, Message, Settlement } from '@switchyard/core/adapter'
import { silentLogger } from '@switchyard/core/adapter'
import type { FakeClock } from '@switchyard/core/testing'
import { fakeClock, seeded } from '@switchyard/core/testing'

/** One of the two brokers that must agree. */
export class Side {
  readonly clock: FakeClock = fakeClock()
  readonly held = new Map<string, Delivery>()
  readonly #factory: AdapterFactory
  #adapter: Adapter | null = null
  #consumer: Consumer | null = null

  constructor(factory: AdapterFactory) {
    this.#factory = factory
  }

  get adapter(): Adapter {
    if (this.#adapter === null) throw new Error('not open')
    return this.#adapter
  }

  get consumer(): Consumer {
    if (this.#consumer === null) throw new Error('not open')
    return this.#consumer
  }

  async open(dedupeMs: number): Promise<void> {
    const deadlines = { callDeadlineMs: 30_000, connectDeadlineMs: 10_000 }
    const report = (fault: Error) => {
      throw fault
    }
    this.#adapter = await this.#factory({ clock: this.clock, log: silentLogger, ...deadlines, report })
    await this.#adapter.declare({ name: 'q', leaseMs: 1_000, ordered: true, dedupeMs })
    await this.#adapter.declare({ name: 'dead', leaseMs: 1_000, ordered: false, dedupeMs: 0 })
    await this.reopen()
  }

  async reopen(): Promise<void> {
    await this.#consumer?.close()
    this.held.clear()
    this.#consumer = await this.adapter.consume('q', { leaseMs: 1_000, prefetch: 0, lost() {} })
  }

  /** Everything that is there now. Sorted: how far back a retry or a lapse falls is nobody's promise. */
  async takeAll(): Promise<unknown> {
    const abort = new AbortController()
    const received = this.consumer.receive(1_000, abort.signal)
    await this.clock.settle()
    await this.clock.settle()
    abort.abort()
    const deliveries = await received
    for (const delivery of deliveries) this.held.set(delivery.message.id, delivery)
    return deliveries.map(({ message, note, lapses }) => [message.id, message.body, note, lapses]).sort()
  }

  async figures(): Promise<unknown> {
    const [{ ready, leased, delayed }, dead] = [await this.adapter.stats('q'), await this.adapter.stats('dead')]
    return [ready, leased, delayed, dead.ready].map((figure) => figure?.value)
  }
}

/** One random step: what to call it, and how either side does it. */
export interface Step {
  readonly what: string
  run(side: Side): Promise<unknown>
}

/** Steps from a seed. `ids` are those held, the same on both sides. */
export function nextStep(random: () => number, count: number, ids: readonly string[]): Step {
  const pick = (below: number) => Math.floor(random() * below)
  const dice = random()
  const id = ids[pick(ids.length)]
  if (dice < 0.4) return sendStep(pick, count)
  if (dice < 0.6) return { what: 'take all', run: (side) => side.takeAll() }
  if (dice < 0.85 && id !== undefined) return settleStep(pick, count, id)
  if (dice < 0.97) {
    const ms = pick(1_200)
    return { what: `advance ${ms}`, run: (side) => side.clock.advance(ms) }
  }
  if (dice < 0.99) return { what: 'reopen', run: (side) => side.reopen() }
  return { what: 'purge', run: (side) => side.adapter.purge('q') }
}

function sendStep(pick: (below: number) => number, count: number): Step {
  const id = pick(4) === 0 ? `id${pick(count + 1)}` : `id${count}`
  const uniques = [{ while: 'active' as const }, { windowMs: 1_500 }]
  const scope = pick(3) === 0 ? uniques[pick(2)] : undefined
  const message: Message = {
    ...{ id, name: 'job', body: JSON.stringify(id) },
    delayMs: pick(3) === 0 ? pick(3_000) : 0,
    ...(pick(3) === 0 && scope === undefined ? { orderKey: `k${pick(3)}` } : {}),
    ...(scope === undefined ? {} : { unique: { key: `u${pick(3)}`, ...scope } }),
  }
  return { what: `send ${JSON.stringify(message)}`, run: (side) => side.adapter.send('q', [message]) }
}

function settleStep(pick: (below: number) => number, count: number, id: string): Step {
  const kind = (['complete', 'complete', 'retry', 'release', 'move', 'extend'] as const)[pick(6)] ?? 'complete'
  const delayMs = pick(2) * pick(2_000)
  const noted = pick(2) === 0 ? {} : { note: JSON.stringify({ count }) }
  const message: Message = { id: `${id} dead ${count}`, name: 'job', body: '1', delayMs: 0 }
  const settlementOf = (delivery: Delivery): Settlement => {
    if (kind === 'move') return { kind, delivery, to: 'dead', message }
    return kind === 'retry' || kind === 'release'
      ? { kind, delivery, delayMs, ...noted }
      : { kind: 'complete', delivery }
  }
  return {
    what: `${kind} ${id} ${delayMs}`,
    run: (side) => {
      const delivery = side.held.get(id)
      if (delivery === undefined) throw new Error(`${id} is not held`)
      return kind === 'extend' ? side.consumer.extend([delivery]) : side.consumer.settle([settlementOf(delivery)])
    },
  }
}

/** Runs the same steps on both sides and compares every answer; throws with the steps that led there. */
export async function compareAdapters(seed: number, steps: number, sides: readonly [Side, Side]): Promise<void> {
  const random = seeded(seed)
  const [one, other] = sides
  const dedupeMs = Math.floor(random() * 2) * 5_000
  for (const side of sides) await side.open(dedupeMs)
  const log: string[] = []
  try {
    for (let count = 0; count < steps; count += 1) {
      const step = nextStep(random, count, [...one.held.keys()])
      log.push(step.what)
      const answers = [JSON.stringify(await step.run(one)), JSON.stringify(await step.run(other))]
      const figures = [JSON.stringify(await one.figures()), JSON.stringify(await other.figures())]
      if (answers[0] === answers[1] && figures[0] === figures[1]) continue
      const what = { answers, figures, steps: log.slice(-20) }
      throw new Error(`seed ${seed}, step ${count}: ${JSON.stringify(what, null, 2)}`)
    }
  } finally {
    for (const side of sides) await side.adapter.close()
  }
}
