import type { Cancel, Clock } from '../runtime/clock.ts'
import { nextTurn, type Turn } from './weighted-turns.ts'

/** Slots of one user's queue, shared by its lanes. */
export interface QueueSlots extends Turn {
  readonly name: string
  readonly concurrency: number
  /** Slots running, asked for or owed. */
  taken: number
  readonly lanes: DemandLane[]
}

/** One lane as the demand sees it. */
export interface DemandLane extends Turn {
  readonly slots: QueueSlots
  /** Slots reserved by the receive in flight. */
  asked: number
  /** Slots granted for the next receive. */
  owed: number
  /** The last receive came back full, so there is probably more. */
  backlogged: boolean
  /** A lane found empty is not asked again before this (epoch ms) while others wait. */
  coolUntil: number
  inFlight: { readonly abort: AbortController; readonly since: number } | null
  /** Ready to receive (its consumer is open). */
  open: boolean
  /** Starts a receive of up to `max`; calls `Demand.received` when it is back. */
  receive(max: number, signal: AbortSignal): void
}

/** While somebody with work waits for a slot, a receive that found nothing for this long gives its slots back. */
const PROBE_MS = 5
/** When slots are too few for all idle lanes to listen at once, they take turns of this length. */
const LISTEN_MS = 50
/** A lane found empty under contention rests this long, so that probing costs at most PROBE_MS / REST_MS per lane. */
const REST_MS = 100

/**
 * Owns the slots: how many jobs may be leased at once, and which lane may lease the next. Nothing is leased that has no
 * free slot: a slot is reserved before `receive` asks for a job and returned when the job is settled.
 */
export class Demand {
  readonly #clock: Clock
  readonly #queues: readonly QueueSlots[]
  #free: number
  #stopped = false
  #timer: Cancel | null = null

  constructor(parts: { readonly clock: Clock; readonly concurrency: number; readonly queues: readonly QueueSlots[] }) {
    this.#clock = parts.clock
    this.#free = parts.concurrency
    this.#queues = parts.queues
  }

  /** No further receives; those in flight are aborted. */
  stop(): void {
    this.#stopped = true
    this.#timer?.()
    this.#timer = null
    for (const lane of this.#lanes()) {
      this.#give(lane, lane.owed)
      lane.owed = 0
      lane.inFlight?.abort.abort()
    }
  }

  /** A receive of `lane` came back with `got` jobs, each of which keeps its slot until `release`. */
  received(lane: DemandLane, got: number): void {
    const { asked } = lane
    lane.asked = 0
    lane.inFlight = null
    lane.backlogged = got >= asked
    if (got === 0) lane.coolUntil = this.#clock.now() + REST_MS
    // An adapter that hands over more than was asked takes slots that nobody reserved; the count stays honest.
    this.#give(lane, asked - got)
    if (!lane.backlogged && lane.owed > 0) {
      this.#give(lane, lane.owed)
      lane.owed = 0
    }
    this.pump()
  }

  /** `count` jobs of `lane` ended: their slots are free. */
  release(lane: DemandLane, count: number): void {
    this.#give(lane, count)
    this.pump()
  }

  #give(lane: DemandLane, count: number): void {
    this.#free += count
    lane.slots.taken -= count
  }

  /** Grants free slots by weight and starts the receives. */
  pump(): void {
    if (this.#stopped) return
    this.#grant()
    for (const lane of this.#lanes()) {
      if (lane.owed === 0 || lane.inFlight !== null) continue
      lane.asked = lane.owed
      lane.owed = 0
      const abort = new AbortController()
      lane.inFlight = { abort, since: this.#clock.now() }
      lane.receive(lane.asked, abort.signal)
    }
    this.#watch()
  }

  #grant(): void {
    while (this.#free > 0) {
      // Anew each time: a backlog whose queue just reached its cap keeps nobody else from listening.
      const contended = this.#anyBacklog()
      const lane = (contended ? null : this.#longestUnheard()) ?? this.#byWeight(contended)
      if (lane === null) return
      const queue = lane.slots
      // A single taker gets all at once: turns among one are pointless, and this is the hot path.
      const alone = this.#soleTaker(lane, contended)
      const count = alone ? Math.min(this.#free, queue.concurrency - queue.taken) : 1
      lane.owed += count
      queue.taken += count
      this.#free -= count
    }
  }

  #byWeight(contended: boolean): DemandLane | null {
    const queue = nextTurn(this.#queues.filter((slots) => slots.lanes.some((lane) => this.#eligible(lane, contended))))
    return queue === null ? null : nextTurn(queue.lanes.filter((one) => this.#eligible(one, contended)))
  }

  /** Weights share work, not silence: while nobody has a backlog every lane listens in turn, however light it is. */
  #longestUnheard(): DemandLane | null {
    let unheard: DemandLane | null = null
    for (const lane of this.#lanes()) {
      if (lane.owed > 0 || !this.#eligible(lane, false)) continue
      if (unheard === null || lane.coolUntil < unheard.coolUntil) unheard = lane
    }
    return unheard
  }

  #soleTaker(lane: DemandLane, contended: boolean): boolean {
    if (contended && !lane.backlogged) return false
    for (const other of this.#lanes()) if (other !== lane && this.#eligible(other, contended)) return false
    return true
  }

  #eligible(lane: DemandLane, contended: boolean): boolean {
    if (!lane.open || lane.slots.taken >= lane.slots.concurrency) return false
    if (lane.backlogged) return true
    if (lane.inFlight !== null) return false
    if (!contended) return true
    return lane.owed === 0 && this.#clock.now() >= lane.coolUntil
  }

  #anyBacklog(): boolean {
    for (const lane of this.#lanes()) {
      if (lane.backlogged && lane.open && lane.slots.taken < lane.slots.concurrency) return true
    }
    return false
  }

  /** When a lane waits for a slot that an idle receive holds, takes that slot back in time. */
  #watch(): void {
    this.#timer?.()
    this.#timer = null
    const now = this.#clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const lane of this.#lanes()) {
      const patience = lane.inFlight === null ? null : this.#patience(lane, now)
      if (patience === null || lane.inFlight === null) continue
      const due = Math.max(lane.inFlight.since + patience.afterMs, patience.from)
      if (due <= now) lane.inFlight.abort.abort()
      else next = Math.min(next, due)
    }
    if (next < Number.POSITIVE_INFINITY) {
      this.#timer = this.#clock.schedule(next - now, () => {
        this.#timer = null
        this.pump()
      })
    }
  }

  /** How long `holder` may keep its slots while another waits; null when nobody does. */
  #patience(holder: DemandLane, now: number): { readonly afterMs: number; readonly from: number } | null {
    let waits: { readonly afterMs: number; readonly from: number } | null = null
    for (const lane of this.#lanes()) {
      if (lane === holder || !lane.open || lane.inFlight !== null) continue
      const full = lane.slots.taken >= lane.slots.concurrency
      const foreign = lane.slots !== holder.slots
      if (foreign ? full || this.#free > 0 : !full && this.#free > 0) continue
      if (lane.backlogged) return { afterMs: PROBE_MS, from: now }
      const from = lane.coolUntil
      if (waits === null || from < waits.from) waits = { afterMs: LISTEN_MS, from }
    }
    return waits
  }

  *#lanes(): Iterable<DemandLane> {
    for (const queue of this.#queues) yield* queue.lanes
  }
}
