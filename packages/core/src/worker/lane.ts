import type { Consumer, Delivery, SettleResult } from '../adapter/adapter.ts'
import type { BrokerError } from '../adapter/broker-error.ts'
import { asBrokerError } from '../adapter/guarded.ts'
import type { Handler } from '../job/handler.ts'
import { decide, type Outcome } from '../policy/decide.ts'
import type { Opened } from '../policy/settlement.ts'
import type { Demand, DemandLane, QueueSlots } from './demand.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { openDelivery } from './open-delivery.ts'
import { Run } from './run.ts'
import type { RunServices } from './run-services.ts'
import { SettleAttempt } from './settle-attempt.ts'
import { Settler } from './settler.ts'
import { tellDecision, wantedBy } from './tell-decision.ts'
import { policyWithout } from './unhandled-policy.ts'
import type { WorkerParts } from './worker-parts.ts'

/** A consumer that rejected its receive is opened again after this, doubled up to REOPEN_MAX_MS. */
const REOPEN_MS = 500
const REOPEN_MAX_MS = 15_000

/** One broker queue (a queue's priority level) served by one consumer: receives, opens deliveries, runs them, settles. */
export class Lane implements DemandLane {
  readonly slots: QueueSlots
  readonly weight: number
  credit = 0
  asked = 0
  owed = 0
  backlogged = false
  coolUntil = 0
  inFlight: DemandLane['inFlight'] = null
  open = false
  /** The broker's queue name. */
  readonly name: string
  readonly #parts: WorkerParts
  readonly #demand: () => Demand
  readonly #prefetch: number
  readonly #runs = new Map<Delivery, Run>()
  #consumer: Consumer | null = null
  #services: RunServices | null = null
  #freed = 0
  #unsettled = 0
  #stopping = false
  #reopenMs = REOPEN_MS
  #quiet: (() => void)[] = []

  constructor(options: {
    readonly name: string
    readonly weight: number
    readonly slots: QueueSlots
    readonly prefetch: number
    readonly parts: WorkerParts
    readonly demand: () => Demand
  }) {
    this.name = options.name
    this.weight = options.weight
    this.slots = options.slots
    this.#prefetch = options.prefetch
    this.#parts = options.parts
    this.#demand = options.demand
  }

  get runs(): ReadonlyMap<Delivery, Run> {
    return this.#runs
  }

  /** Opens the consumer; from then on the demand may ask. */
  async start(): Promise<void> {
    const { adapter, clock, leaseMsOf } = this.#parts
    const leaseMs = leaseMsOf(this.slots.name)
    const consumer = await adapter.consume(this.name, {
      leaseMs,
      prefetch: this.#prefetch,
      lost: (deliveries) => this.#lost(deliveries),
    })
    if (this.#stopping) {
      await consumer.close()
      return
    }
    this.#consumer = consumer
    const keeper = new LeaseKeeper<Run>({
      clock,
      consumer,
      leaseMs,
      timed: adapter.capabilities.lease.value === 'timed',
      lost: (run, known) => run.leaseLost(known),
      stalled: (stalledMs, runs) => this.#parts.stalled(stalledMs, runs),
    })
    const settler = new Settler({ consumer, adapter: adapter.name, queue: this.name })
    this.#services = this.#parts.servicesFor({
      keeper,
      settler,
      leaseMs,
      settleIn: (settlements, tx) => consumer.settle(settlements, tx as never),
      ended: (run) => this.#ended(run),
    })
    this.open = true
  }

  receive(max: number, signal: AbortSignal): void {
    const consumer = this.#consumer
    if (consumer === null) {
      this.#demand().received(this, 0)
      return
    }
    consumer.receive(max, signal).then(
      (deliveries) => {
        this.#reopenMs = REOPEN_MS
        for (let index = 0; index < deliveries.length; index++) {
          const delivery = deliveries[index]
          if (delivery !== undefined) this.#take(delivery, index < max)
        }
        this.#demand().received(this, deliveries.length)
        this.#tellQuiet()
      },
      (error: unknown) => void this.#broken(asBrokerError(error, this.#parts.adapter.name, this.name)),
    )
  }

  /** `asked` false: the adapter handed over more than there are slots, so this one goes back. */
  #take(delivery: Delivery, asked: boolean): void {
    const services = this.#services
    if (services === null) return
    if (this.#runs.has(delivery)) {
      this.#tellDefect('the adapter handed over one delivery twice; it runs once')
      this.#free()
      return
    }
    const { clock, handlers, adapter } = this.#parts
    const now = clock.now()
    const opening = openDelivery(delivery, handlers, this.slots.name, now)
    if (this.#stopping || !asked) {
      if (!asked) this.#tellDefect('the adapter handed over more deliveries than were asked for; the rest goes back')
      this.#settleUnstarted(services, opening.opened, { kind: 'unstarted' }, null)
      return
    }
    if (adapter.capabilities.lease.value === 'timed' && now - delivery.leasedAt >= services.leaseMs) {
      // It waited out its lease in a buffer: somebody else may have it, so nothing may start.
      if (opening.opened.envelope !== null)
        services.emitter.emit('lease.lost', { ...services.factsOf(opening.opened), known: 'deadline' })
      this.#free()
      return
    }
    if ('outcome' in opening) {
      const handler = opening.definition === null ? null : (handlers.get(opening.definition.name) ?? null)
      this.#settleUnstarted(services, opening.opened, opening.outcome, handler)
      return
    }
    const run = new Run(services, opening.opened, opening.handler)
    this.#runs.set(delivery, run)
    services.keeper.add(run)
    if (services.emitter.wanted('job.started')) services.emitter.emit('job.started', services.factsOf(opening.opened))
    run.start(opening.payload)
  }

  /** Settles a delivery that no handler runs. */
  #settleUnstarted(services: RunServices, opened: Opened, outcome: Outcome, handler: Handler | null): void {
    const now = services.clock.now()
    const decision = decide(outcome, {
      note: opened.note,
      policy: handler?.definition.retry ?? policyWithout(),
      repeatable: true,
      enqueuedAt: opened.envelope?.enqueuedAt ?? now,
      now,
      random: services.clock.random,
    })
    const onDead = handler?.definition.onDead ?? null
    this.#unsettled += 1
    const done = (result: SettleResult) => {
      if (result === 'settled') tellDecision(services, opened, decision, outcome, 0)
      else if (result !== 'lost') {
        const message = `${result.message} (it comes back when its lease ends)`
        services.emitter.emit('settle.unknown', { ...services.factsOf(opened), wanted: wantedBy(decision), message })
      }
      this.#unsettled -= 1
      this.#free()
    }
    const leaseEndsAt = opened.delivery.leasedAt + services.leaseMs
    const send = () => new SettleAttempt(services, { opened, decision, at: now, leaseEndsAt, done }).start()
    if (decision.kind === 'dead' && onDead !== null) void services.followUp(opened, decision, onDead).finally(send)
    else send()
  }

  #tellDefect(message: string): void {
    const broker = this.#parts.adapter.name
    this.#parts.emitter.emit('broker.fault', { broker, code: 'unknown', message: `lane ${this.name}: ${message}` })
  }

  #ended(run: Run): void {
    if (this.#runs.delete(run.delivery)) this.#free()
  }

  /** Slots are returned together, once per turn of the event loop's microtasks. */
  #free(): void {
    this.#freed += 1
    if (this.#freed > 1) return
    queueMicrotask(() => {
      const count = this.#freed
      this.#freed = 0
      this.#demand().release(this, count)
      this.#tellQuiet()
    })
  }

  #lost(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) this.#runs.get(delivery)?.leaseLost('broker')
  }

  /** The consumer can never deliver again: close it, tell, and open another as soon as the broker lets us. */
  async #broken(error: BrokerError): Promise<void> {
    const { emitter, clock, adapter, stopSignal } = this.#parts
    this.open = false
    this.#demand().received(this, 0)
    this.#tellQuiet()
    if (this.#stopping) return
    for (const run of this.#runs.values()) run.leaseLost('broker')
    await this.#consumer?.close().catch(() => {})
    this.#consumer = null
    for (let reason = error; !this.#stopping; ) {
      emitter.emit('broker.fault', { broker: adapter.name, code: reason.code, message: reason.message })
      await clock.sleep(this.#reopenMs, stopSignal)
      this.#reopenMs = Math.min(REOPEN_MAX_MS, this.#reopenMs * 2)
      if (this.#stopping) return
      try {
        await this.#parts.redeclare(this.slots.name)
        await this.start()
        this.#demand().pump()
        return
      } catch (again) {
        reason = asBrokerError(again, adapter.name, this.name)
      }
    }
  }

  /** From now on what arrives is released unstarted. */
  stopTaking(): void {
    this.#stopping = true
    this.open = false
  }

  /** Resolves when nothing runs, nothing is being settled and no receive is in flight. */
  quiet(): Promise<void> {
    return this.#isQuiet() ? Promise.resolve() : new Promise((resolve) => this.#quiet.push(resolve))
  }

  #isQuiet(): boolean {
    return this.#runs.size === 0 && this.#unsettled === 0 && this.inFlight === null
  }

  #tellQuiet(): void {
    if (this.#quiet.length > 0 && this.#isQuiet()) for (const resolve of this.#quiet.splice(0)) resolve()
  }

  /** Gives everything back that is still held. */
  async close(): Promise<void> {
    this.#services?.keeper.stop()
    await this.#services?.settler.idle()
    await this.#consumer?.close()
    this.#consumer = null
  }
}
