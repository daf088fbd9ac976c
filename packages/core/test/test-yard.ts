import { MemoryBroker, memory } from '@switchyard/memory'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import type { Adapter, AdapterFactory, AdapterHost, Consumer } from '../src/adapter/adapter.ts'
import {
  type AnyJob,
  type ConnectOptions,
  connect,
  defineJob,
  fixed,
  type JobDefinition,
  type Yard,
  type YardEventName,
} from '../src/index.ts'
import { type FakeClock, fakeClock } from '../src/testing/fake-clock.ts'

/** The payload of test jobs. */
export const numbered: z.ZodType<{ n: number }, { n: number }> = z.object({ n: z.number() })

/** A job that is tried three times, a second apart, and may take ten seconds. */
export const job: JobDefinition<{ n: number }, { n: number }> = defineJob({
  name: 'job',
  queue: 'q',
  payload: numbered,
  retry: { maxAttempts: 3, backoff: fixed({ delayMs: 1_000, jitter: 'none' }) },
  timeoutMs: 10_000,
})

const NAMES: readonly YardEventName[] = [
  'job.started',
  'job.completed',
  'job.retried',
  'job.released',
  'job.put-back',
  'job.dead',
  'job.overrun',
  'lease.lost',
  'settle.unknown',
  'worker.stopping',
  'worker.stopped',
  'worker.stalled',
  'broker.fault',
]

/** A yard that tells what happens in it. */
export interface TestYard {
  readonly yard: Yard
  readonly clock: FakeClock
  readonly broker: MemoryBroker
  count(name: YardEventName): number
  of(name: YardEventName): readonly Readonly<Record<string, unknown>>[]
}

/** A yard on memory with a fake clock, closed when the test ends, and everything that it tells. */
export async function yardOf(
  options: Partial<ConnectOptions> & { readonly jobs?: readonly AnyJob[] } = {},
): Promise<TestYard> {
  const clock = (options.clock as FakeClock | undefined) ?? fakeClock()
  const broker = new MemoryBroker()
  const yard = await connect({ broker: memory({ broker }), jobs: [job], ...options, clock })
  const events: { readonly name: YardEventName; readonly event: Readonly<Record<string, unknown>> }[] = []
  for (const name of NAMES) yard.on(name, (event) => void events.push({ name, event: { ...event } }))
  onTestFinished(() =>
    during(
      clock,
      yard.close().catch(() => {}),
    ),
  )
  return {
    yard,
    clock,
    broker,
    count: (name) => events.filter((one) => one.name === name).length,
    of: (name) => events.filter((one) => one.name === name).map((one) => one.event),
  }
}

/** Awaits `work` while time passes, ten minutes at most. */
export async function during<Value>(clock: FakeClock, work: Promise<Value>): Promise<Value> {
  let done = false
  const finished = work.finally(() => {
    done = true
  })
  finished.catch(() => {})
  for (let tenths = 0; !done && tenths < 6_000; tenths++) await clock.advance(100)
  if (!done) throw new Error('still not done after ten minutes on the fake clock')
  return finished
}

/** A host for an adapter that is used without core. */
export function hostOf(clock: FakeClock): AdapterHost {
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  return { clock, log, callDeadlineMs: 30_000, connectDeadlineMs: 10_000, report() {} }
}

/** An adapter whose calls a test replaces, one by one. */
export function altered(
  factory: AdapterFactory,
  change: {
    readonly adapter?: (inner: Adapter) => Partial<Adapter>
    readonly consumer?: (inner: Consumer, queue: string) => Partial<Consumer>
  },
): AdapterFactory {
  return async (host) => {
    const inner = await factory(host)
    const { browse } = inner
    const plain: Adapter = {
      name: inner.name,
      capabilities: inner.capabilities,
      declare: (spec) => inner.declare(spec),
      send: (queue, messages, tx) => inner.send(queue, messages, tx),
      consume: async (queue, options) => {
        const consumer = await inner.consume(queue, options)
        const own: Consumer = {
          receive: (max, signal) => consumer.receive(max, signal),
          settle: (settlements, tx) => consumer.settle(settlements, tx),
          extend: (deliveries) => consumer.extend(deliveries),
          close: () => consumer.close(),
        }
        return { ...own, ...change.consumer?.(own, queue) }
      },
      stats: (queue) => inner.stats(queue),
      purge: (queue) => inner.purge(queue),
      close: () => inner.close(),
      ...(browse === undefined ? {} : { browse: (queue, page) => browse.call(inner, queue, page) }),
    }
    return { ...plain, ...change.adapter?.(plain) }
  }
}
