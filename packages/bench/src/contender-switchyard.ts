import { type AnyJob, connect, defineJob, handle } from '@switchyard/core'
import type { ContenderKind } from './contender.ts'
import { never } from './handler-of.ts'
import { payload, payloadOf } from './noop-job.ts'

/** Switchyard on whatever broker it is given. */
export const switchyard: ContenderKind = {
  name: 'switchyard',
  comparison: 'ours',
  async open(server, { queue, leaseMs }) {
    const place = await server.place()
    const job: AnyJob = defineJob({ name: 'noop', queue, payload })
    const yard = await connect({
      broker: place,
      jobs: [job],
      base: import.meta.dirname,
      ...(leaseMs === undefined ? {} : { queues: { [queue]: { leaseMs } } }),
    })
    return {
      place,
      send: (n) => yard.enqueue(job, payloadOf(n)),
      sendMany: async (from, size) => {
        const results = await yard.enqueueMany(
          job,
          Array.from({ length: size }, (_, index) => ({ payload: payloadOf(from + index) })),
        )
        for (const result of results) if (result.status === 'failed') throw result.error
      },
      work: async (plan) => {
        const off = yard.on('job.completed', () => plan.settled(1))
        const worker = await yard.work(
          [
            handle(job, (decoded) => {
              plan.started((decoded as { n: number }).n)
              return plan.hang === true ? never() : undefined
            }),
          ],
          { queues: { [queue]: { concurrency: plan.concurrency } } },
        )
        return async () => {
          off()
          await worker.stop()
        }
      },
      close: () => yard.close(),
    }
  },
}
