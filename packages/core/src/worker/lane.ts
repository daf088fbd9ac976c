import type { Consumer, Delivery } from '../adapter/adapter.ts'
import type { BrokerError } from '../adapter/broker-error.ts'
import { asBrokerError } from '../adapter/guarded.ts'
import type { Handler } from '../job/handler.ts'
import { decide, type Outcome } from '../policy/decide.ts'
import { type Opened, toSettlement } from '../policy/settlement.ts'
import type { Demand, DemandLane, QueueSlots } from './demand.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { openDelivery } from './open-delivery.ts'
import { Run } from './run.ts'
import type { RunServices } from './run-services.ts'
import { Settler } from './settler.ts'
import { tellDecision } from './tell-decision.ts'
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
      handlerEnded: () => {},
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
        for (const delivery of deliveries) this.#take(delivery)
        this.#demand().received(this, deliveries.length)
        this.#tellQuiet()
      },
      (error: unknown) => void this.#broken(asBrokerError(error, this.#parts.adapter.name, this.name)),
    )
  }

  #take(delivery: Delivery): void {
    const services = this.#services
    if (services === null) return
    const { clock, handlers, adapter } = this.#parts
    const now = clock.now()
    const opening = openDelivery(delivery, handlers, this.slots.name, now)
    if (this.#stopping) {
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
    const settlement = toSettlement(decision, opened, services.capabilities, now)
    const onDead = handler?.definition.onDead ?? null
    this.#unsettled += 1
    const send = () =>
      services.settler.add(settlement, (result) => {
        if (result === 'settled') tellDecision(services, opened, decision, outcome, 0)
        else if (result !== 'lost') {
          const message = `${result.message} (it comes back when its lease ends)`
          services.emitter.emit('settle.unknown', { ...services.factsOf(opened), wanted: settlement.kind, message })
        }
        this.#unsettled -= 1
        this.#free()
      })
    if (decision.kind === 'dead' && onDead !== null) void services.followUp(opened, decision, onDead).finally(send)
    else send()
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

  /** The consumer can never deliver again: close it, tell, and open another when the broker lets us. */
  async #broken(error: BrokerError): Promise<void> {
    const { emitter, clock, adapter } = this.#parts
    this.open = false
    this.#demand().received(this, 0)
    if (this.#stopping || error.code === 'closed') return
    emitter.emit('broker.fault', { broker: adapter.name, code: error.code, message: error.message })
    for (const run of this.#runs.values()) run.leaseLost('broker')
    await this.#consumer?.close().catch(() => {})
    this.#consumer = null
    const waitMs = this.#reopenMs
    this.#reopenMs = Math.min(REOPEN_MAX_MS, waitMs * 2)
    await clock.sleep(waitMs, this.#parts.stopSignal)
    if (this.#stopping) return
    try {
      await this.#parts.declare(this.slots.name)
      await this.start()
      this.#demand().pump()
    } catch (again) {
      await this.#broken(asBrokerError(again, adapter.name, this.name))
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
