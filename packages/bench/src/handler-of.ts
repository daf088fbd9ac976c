import type { WorkPlan } from './contender.ts'
import { payload } from './noop-job.ts'
import { withTimeout } from './with-timeout.ts'

/** Nobody resolves this: a handler at work when its process is killed. */
export function never(): Promise<void> {
  return new Promise(() => {})
}

/** The equal work of one attempt, after decoding: validate, run under a timeout. */
export async function equalWork(plan: WorkPlan, decoded: unknown): Promise<void> {
  const { n } = await payload.parseAsync(decoded)
  await withTimeout(() => {
    plan.started(n)
    return plan.hang === true ? never() : undefined
  })
}
