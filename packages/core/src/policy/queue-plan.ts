import type { QueueSpec } from '../adapter/adapter.ts'
import type { Capabilities } from '../adapter/capabilities.ts'
import { deadName, laneName, PRIORITIES, type Priority, QUEUE_NAME } from '../adapter/queue-names.ts'
import { ConfigError } from '../errors.ts'
import { DEFAULTS } from '../job/defaults.ts'
import type { AnyJob } from '../job/define-job.ts'

/** How one queue exists at the broker. */
export interface QueueOptions {
  /** Levels besides those that definitions of this queue use. */
  readonly priorities?: readonly Priority[]
  /** How long a leased job is hidden from others unless renewed (default 30 s). */
  readonly leaseMs?: number
  /** Jobs with an order key go here; set it where producers give order keys per call only. */
  readonly ordered?: boolean
  /** Ids of completed jobs are remembered this long, so that a second enqueue is a duplicate (default 0: only while queued). */
  readonly dedupeMs?: number
  /** Largest encoded payload in bytes (default 256 KiB on every broker). */
  readonly maxPayloadBytes?: number
}

/** One queue with everything filled in. */
export interface QueuePlan {
  readonly name: string
  readonly priorities: readonly Priority[]
  readonly leaseMs: number
  readonly ordered: boolean
  readonly dedupeMs: number
  readonly maxPayloadBytes: number
}

const QUEUE_KEYS: readonly string[] = ['priorities', 'leaseMs', 'ordered', 'dedupeMs', 'maxPayloadBytes']

/** Every queue that definitions or options name; throws ConfigError for what can never work. */
export function planQueues(
  jobs: readonly AnyJob[],
  options: Readonly<Record<string, QueueOptions>>,
  capabilities: Capabilities,
): ReadonlyMap<string, QueuePlan> {
  const names = new Set([...jobs.map((job) => job.queue), ...Object.keys(options)])
  const plans = new Map<string, QueuePlan>()
  for (const name of names)
    plans.set(name, planQueue(name, jobs, (Object.hasOwn(options, name) ? options[name] : {}) ?? {}, capabilities))
  return plans
}

function planQueue(name: string, jobs: readonly AnyJob[], own: QueueOptions, capabilities: Capabilities): QueuePlan {
  const fail = (option: string, problem: string): never => {
    throw new ConfigError(`queue ${JSON.stringify(name)}: ${option} ${problem}`, { queue: name, option })
  }
  if (!QUEUE_NAME.test(name)) fail('name', `must match ${QUEUE_NAME}`)
  for (const key of Object.keys(own)) {
    if (!QUEUE_KEYS.includes(key)) fail(key, `is not an option of a queue; known: ${QUEUE_KEYS.join(', ')}`)
  }
  const mine = jobs.filter((job) => job.queue === name)
  if (mine.length === 0) {
    const used = [...new Set(jobs.map((job) => job.queue))].join(', ') || 'none'
    fail('name', `is used by no job: a misspelt queue? Jobs use: ${used}`)
  }
  const wanted = new Set<Priority>([...(own.priorities ?? []), ...mine.map((job) => job.priority)])
  if (wanted.size === 0) wanted.add('normal')
  for (const level of wanted)
    if (!PRIORITIES.includes(level)) fail('priorities', `must be among ${PRIORITIES.join(', ')}`)
  // The shortest lease that the broker can hold may be longer than our default; an explicit one is refused instead.
  const leaseMs = own.leaseMs ?? Math.max(DEFAULTS.leaseMs, capabilities.minLeaseMs.value)
  if (!Number.isFinite(leaseMs) || leaseMs <= 0) fail('leaseMs', 'must be a positive number of milliseconds')
  const dedupeMs = own.dedupeMs ?? 0
  if (!Number.isFinite(dedupeMs) || dedupeMs < 0) fail('dedupeMs', 'must be a number of milliseconds >= 0')
  const maxPayloadBytes = own.maxPayloadBytes ?? DEFAULTS.maxPayloadBytes
  if (!Number.isSafeInteger(maxPayloadBytes) || maxPayloadBytes < 1)
    fail('maxPayloadBytes', 'must be a whole number >= 1')
  return {
    name,
    priorities: PRIORITIES.filter((level) => wanted.has(level)),
    leaseMs,
    ordered: own.ordered ?? mine.some((job) => job.orderKey !== null),
    dedupeMs,
    maxPayloadBytes,
  }
}

/** The broker queues of one user's queue: its lanes and its dead queue. */
export function specsOf(plan: QueuePlan): readonly QueueSpec[] {
  const { leaseMs, ordered, dedupeMs } = plan
  return [
    ...plan.priorities.map((priority) => ({ name: laneName(plan.name, priority), leaseMs, ordered, dedupeMs })),
    { name: deadName(plan.name), leaseMs, ordered: false, dedupeMs: 0 },
  ]
}
