import type {
  Adapter,
  AdapterHost,
  Capabilities,
  ConsumeOptions,
  Delivery,
  Message,
  QueueSpec,
} from '@switchyard/core/adapter'
import { BrokerError, silentLogger, systemClock } from '@switchyard/core/adapter'
import { NeverConnected, NotApplicable, Unverified } from './case.ts'
import { check, word } from './check.ts'
import type { Child, ChildTask } from './child-process.ts'
import { startChild } from './child-process.ts'
import { identitiesOf, letter } from './letter.ts'
import type { Json, Subject, Target } from './subject.ts'
import type { Taker } from './taker.ts'
import { takerOf } from './taker.ts'
import type { Patience, Waits } from './waits.ts'
import { waitsFor } from './waits.ts'

/** What a case works with: one fresh connection, queues that nobody else has, deadlines from the manifest. */
export interface Bench extends AsyncDisposable {
  readonly capabilities: Capabilities
  /** This case's own connection; closed afterwards. */
  readonly adapter: Adapter
  readonly target: Target
  readonly waits: Waits
  /** Longer than any case, within the manifest: for leases that must not end. */
  readonly longLeaseMs: number
  /** The shortest that the manifest allows: for leases that must end. */
  readonly shortLeaseMs: number
  /** Background faults that any connection of this case reported. */
  readonly faults: readonly BrokerError[]
  /** A further connection to the same broker; `host` replaces parts of what core lends. */
  open(host?: Partial<AdapterHost>): Promise<Adapter>
  /** A connection with other options than the broker's own: for options that must fail. */
  openWith(options: Json): Promise<Adapter>
  /** Declares a queue with a name of its own. */
  queue(spec?: Partial<Omit<QueueSpec, 'name'>>): Promise<string>
  /** Opens a consumer (prefetch 0, long lease) on this case's connection, or on `adapter`. */
  taker(queue: string, options?: Partial<ConsumeOptions> & { readonly adapter?: Adapter }): Promise<Taker>
  /** Sends on this case's connection and fails unless every message is accepted. */
  send(queue: string, ...messages: readonly Message[]): Promise<void>
  /** A process of its own that leases `take` messages, tells us which, and then does nothing. Only where `target.shared`. */
  child(queue: string, options: Pick<ChildTask, 'take' | 'leaseMs' | 'declare'>): Promise<Child>
  /** The hook, or `NotApplicable` / `Unverified` by what the target says about its absence. */
  hook<Name extends HookName>(name: Name): NonNullable<Target[Name]>
  /** Fails when anything but a sentinel, sent now, comes out of the queue. Takes the sentinel. */
  empty(queue: string, what: string): Promise<void>
  /** Puts a measured fact into the report. */
  fact(name: string, value: number | string): void
}

/** The hooks of a target. */
export type HookName = 'cut' | 'restart' | 'begin' | 'unreachable' | 'forbidden'

/** What a session lends to a bench. */
export interface BenchParts {
  readonly subject: Subject
  readonly subjectModule: string
  readonly target: Target
  readonly caseId: string
  readonly facts: Record<string, number | string>
  readonly patience: Patience
  /** Whether this session has ever had a connection, and what it declared. */
  readonly connected: { manifest: Capabilities | null }
}

const LONGEST_LEASE_MS = 120_000

/** Opens the connection of one case. */
export async function openBench({
  subject,
  subjectModule,
  target,
  caseId,
  facts,
  patience,
  connected,
}: BenchParts): Promise<Bench> {
  const faults: BrokerError[] = []
  const adapters: Adapter[] = []
  const children: Child[] = []
  const host = hostOf(faults)
  const run = Buffer.from(systemClock.randomBytes(5)).toString('hex')
  let queues = 0

  const openWith = async (options: Json, lent: Partial<AdapterHost> = {}): Promise<Adapter> => {
    const adapter: unknown = await subject.open(options)({ ...host, ...lent })
    assertAdapter(adapter)
    adapters.push(adapter)
    return adapter
  }
  const open = async (lent: Partial<AdapterHost> = {}): Promise<Adapter> => {
    try {
      const adapter = await openWith(target.options, lent)
      connected.manifest ??= adapter.capabilities
      return adapter
    } catch (error) {
      // Once a connection was made, a failing one is the adapter's; before, nothing is known about it.
      if (connected.manifest === null && error instanceof BrokerError)
        throw new NeverConnected(`no connection to the broker under test: ${error.message} (${error.code})`)
      throw error
    }
  }
  const main = await open()
  const { capabilities } = main
  const { minLeaseMs, maxLeaseMs } = capabilities
  const longLeaseMs = Math.min(Math.max(LONGEST_LEASE_MS, minLeaseMs.value), maxLeaseMs.value)
  const waits = waitsFor(capabilities, patience)

  const bench: Bench = {
    capabilities,
    adapter: main,
    target,
    waits,
    longLeaseMs,
    shortLeaseMs: Math.max(minLeaseMs.value, Math.min(300, maxLeaseMs.value)),
    faults,
    open,
    openWith,
    async queue(spec) {
      queues += 1
      const name = `c-${caseId.toLowerCase()}-${run}-${queues}`
      await main.declare({ name, leaseMs: longLeaseMs, ordered: false, dedupeMs: 0, ...spec })
      return name
    },
    async taker(queue, { adapter = main, ...options } = {}) {
      const lost: Delivery[] = []
      const consumer = await adapter.consume(queue, {
        leaseMs: longLeaseMs,
        prefetch: 0,
        lost: (deliveries) => void lost.push(...deliveries),
        ...options,
      })
      return takerOf(consumer, lost)
    },
    async send(queue, ...messages) {
      const results = await main.send(queue, messages)
      check(
        results.length === messages.length && results.every((result) => result === 'accepted'),
        `send of ${messages.length}: expected every answer accepted, saw [${results.map(word).join(', ')}]`,
      )
    },
    async child(queue, asked) {
      const child = await startChild({ subjectModule, options: target.options, queue, ...asked })
      children.push(child)
      return child
    },
    hook(name) {
      const hook = target[name]
      if (hook !== undefined) return hook
      // `absent` explains why there is no server; a declared transaction needs none of that.
      if (target.absent !== undefined && name !== 'begin') throw new NotApplicable(`${name}: ${target.absent}`)
      throw new Unverified(`the subject's target has neither ${name}() nor a reason in \`absent\``)
    },
    async empty(queue, what) {
      const taker = await bench.taker(queue)
      const sentinel = letter()
      await bench.send(queue, sentinel)
      const [first] = await taker.take(1, { withinMs: waits.arrivalMs, what: `${what}: the sentinel` })
      check(
        first !== undefined && first.message.id === sentinel.id,
        `${what}: expected nothing but the sentinel, saw ${first?.message.body}`,
      )
      await taker.complete([first])
      const more = await taker.during(waits.quietMs)
      check(more.length === 0, `${what}: expected silence, saw ${identitiesOf(more).join(', ')}`)
      await taker.consumer.close()
    },
    fact(name, value) {
      facts[name] = value
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) await child.kill()
      for (const adapter of adapters) await adapter.close()
    },
  }
  return bench
}

function assertAdapter(value: unknown): asserts value is Adapter {
  const seen = value === null ? 'null' : typeof value
  check(typeof value === 'object' && value !== null, `the factory resolved with ${seen} instead of an adapter`)
  check('capabilities' in value && typeof value.capabilities === 'object', 'the adapter has no capabilities')
}

/** What core lends to an adapter, with Node's own clock and its default deadlines. */
export function hostOf(faults: BrokerError[]): AdapterHost {
  return {
    clock: systemClock,
    log: silentLogger,
    callDeadlineMs: 30_000,
    connectDeadlineMs: 10_000,
    report: (fault) => void faults.push(fault),
  }
}
