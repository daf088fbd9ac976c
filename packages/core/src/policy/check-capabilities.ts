import type { Capabilities, UniqueScope } from '../adapter/capabilities.ts'
import { UnsupportedError } from '../errors.ts'
import type { AnyJob, UniqueOption } from '../job/define-job.ts'
import type { QueuePlan } from './queue-plan.ts'

/** Room that an envelope and a dead record need beside the payload, in bytes: ten failures with stacks, and headers. */
const ENVELOPE_ROOM = 65_536

/** Refuses definitions and queues that the broker cannot keep, before any I/O; each refusal names the alternatives. */
export function checkCapabilities(
  adapter: { readonly name: string; readonly capabilities: Capabilities },
  jobs: readonly AnyJob[],
  plans: ReadonlyMap<string, QueuePlan>,
): void {
  for (const plan of plans.values()) checkQueue(adapter, plan)
  for (const job of jobs) checkJob(adapter, job)
}

function checkQueue(adapter: { readonly name: string; readonly capabilities: Capabilities }, plan: QueuePlan): void {
  const { capabilities } = adapter
  const refuse = (option: string, problem: string): never => {
    throw new UnsupportedError(`queue ${JSON.stringify(plan.name)} on ${adapter.name}: ${option} ${problem}`, {
      queue: plan.name,
      broker: adapter.name,
      option,
    })
  }
  const { minLeaseMs, maxLeaseMs, maxBodyBytes, ordering, dedupe } = capabilities
  if (plan.leaseMs < minLeaseMs.value)
    refuse('leaseMs', `${plan.leaseMs} is below the broker's least, ${minLeaseMs.value}`)
  if (plan.leaseMs > maxLeaseMs.value)
    refuse('leaseMs', `${plan.leaseMs} is above the broker's most, ${maxLeaseMs.value}`)
  if (plan.ordered && ordering.value !== 'key') {
    refuse(
      'ordered',
      `needs order keys; this broker has ordering '${ordering.value}' (${ordering.why}). ${ALTERNATIVES.order}`,
    )
  }
  if (plan.dedupeMs > 0 && dedupe.value !== 'window') {
    refuse(
      'dedupeMs',
      `needs a dedupe window; this broker has dedupe '${dedupe.value}' (${dedupe.why}). ${ALTERNATIVES.dedupe}`,
    )
  }
  const room = plan.maxPayloadBytes + ENVELOPE_ROOM
  if (room > maxBodyBytes.value) {
    refuse(
      'maxPayloadBytes',
      `${plan.maxPayloadBytes} plus ${ENVELOPE_ROOM} for the envelope exceed the broker's ${maxBodyBytes.value} bytes. Store the data elsewhere and send its address`,
    )
  }
}

function checkJob(adapter: { readonly name: string; readonly capabilities: Capabilities }, job: AnyJob): void {
  const { capabilities } = adapter
  const refuse = (option: string, problem: string): never => {
    throw new UnsupportedError(`job ${JSON.stringify(job.name)} on ${adapter.name}: ${option} ${problem}`, {
      job: job.name,
      queue: job.queue,
      broker: adapter.name,
      option,
    })
  }
  if (job.timeoutMs > capabilities.maxLeaseMs.value) {
    refuse(
      'timeoutMs',
      `${job.timeoutMs} is longer than the broker can hold a lease (${capabilities.maxLeaseMs.value}). Split the job, or use a broker without that limit`,
    )
  }
  if (job.unique !== null) {
    const scope = scopeOf(job.unique)
    const { unique } = capabilities
    if (!unique.value.includes(scope)) {
      refuse(
        'unique',
        `'${scope}' cannot be kept: the broker has ${unique.value.length === 0 ? 'none' : unique.value.join(', ')} (${unique.why}). ${ALTERNATIVES.unique[scope]}`,
      )
    }
  }
  if (job.orderKey !== null && capabilities.ordering.value !== 'key') {
    refuse('orderKey', `needs ordering 'key'; this broker has '${capabilities.ordering.value}'. ${ALTERNATIVES.order}`)
  }
}

/** Which of our adapters keep what, for refusals; docs/brokers.md is printed from the manifests themselves. */
const ALTERNATIVES = {
  order: 'Use memory, sqlite, postgres or SQS FIFO, or a queue with concurrency 1',
  dedupe: 'Use memory, sqlite, redis or postgres, or make handlers idempotent by key',
  unique: {
    queued: 'Use memory or sqlite, or give the job a `key` and make its handler idempotent by it',
    active: 'Use memory, sqlite, redis or postgres, or give the job a `key` and make its handler idempotent by it',
    window: 'Use memory, sqlite or redis, or give the job a `key` and make its handler idempotent by it',
  },
} as const

/** The capability word for a `unique` option. */
export function scopeOf(unique: UniqueOption<never>): UniqueScope {
  return 'windowMs' in unique ? 'window' : unique.while
}
