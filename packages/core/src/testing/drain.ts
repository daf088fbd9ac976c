import type { Handler } from '../job/handler.ts'
import type { Clock } from '../runtime/clock.ts'
import type { DrainReport } from '../worker/drain.ts'
import type { WorkOptions } from '../worker/work-options.ts'
import type { Yard } from '../yard.ts'
import type { FakeClock } from './fake-clock.ts'

/** What `drain` saw. */
export interface Drained extends DrainReport {
  readonly completed: number
  readonly retried: number
  readonly dead: number
}

/**
 * Runs everything that waits, in this process, until the queues are empty: for tests. On a yard with a fake clock it moves
 * the time itself, from timer to timer, so that delayed jobs and backoffs take no real time.
 */
export async function drain<Tx>(
  yard: Yard<Tx>,
  handlers: readonly Handler[],
  options: WorkOptions = {},
): Promise<Drained> {
  const counts = { completed: 0, retried: 0, dead: 0 }
  const count = (what: keyof typeof counts) => {
    counts[what] += 1
  }
  const stops = [
    yard.on('job.completed', () => count('completed')),
    yard.on('job.retried', () => count('retried')),
    yard.on('job.dead', () => count('dead')),
  ]
  try {
    const worker = await yard.work(handlers, options)
    const drained = worker.drain()
    const { clock } = yard
    if (isFake(clock)) await advanceUntil(clock, drained)
    return { ...(await drained), ...counts }
  } finally {
    for (const stop of stops) stop()
  }
}

function isFake(clock: Clock): clock is FakeClock {
  return typeof (clock as Partial<FakeClock>).advanceToNext === 'function'
}

async function advanceUntil(clock: FakeClock, work: Promise<unknown>): Promise<void> {
  let done = false
  const finish = () => {
    done = true
  }
  work.then(finish, finish)
  while (!done) await clock.advanceToNext()
}
