import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker } from 'plainjob'
import { payloadOf } from './noop-job.ts'
import { perSecond } from './throughput.ts'

const SILENT = { error() {}, warn() {}, info() {}, debug() {} }

/** npm plainjob on better-sqlite3, as its README shows it: enqueue in batches, then one worker. Jobs per second. */
export async function plainjob(
  file: string,
  count: number,
  batch: number,
): Promise<{ readonly enqueue: number; readonly process: number }> {
  const queue = defineQueue({ connection: better(new Database(file)), logger: SILENT })
  try {
    const enqueueAt = performance.now()
    for (let at = 0; at < count; at += batch) {
      queue.addMany(
        'noop',
        Array.from({ length: Math.min(batch, count - at) }, (_, index) => payloadOf(at + index)),
      )
    }
    const enqueue = perSecond(count, enqueueAt)
    let done = 0
    const { promise, resolve } = Promise.withResolvers<void>()
    const worker = defineWorker('noop', (job) => void JSON.parse(job.data), {
      queue,
      logger: SILENT,
      onCompleted: () => {
        done += 1
        if (done === count) resolve()
      },
    })
    const processAt = performance.now()
    const running = worker.start()
    await promise
    const rate = perSecond(count, processAt)
    await worker.stop()
    await running
    return { enqueue, process: rate }
  } finally {
    queue.close()
  }
}
