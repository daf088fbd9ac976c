import { connect, handle } from '@switchyard/core'
import { noop } from './noop-job.ts'

/** One of several workers on one broker: says ready, waits for go, tells in batches how much it settled. */
const broker = process.argv[2]
if (broker === undefined || process.send === undefined) throw new Error('started by processes.ts only')
const tell = (what: string | number) => process.send?.(what)
const yard = await connect({ broker, jobs: [noop], base: import.meta.dirname })
let settled = 0
yard.on('job.completed', () => {
  settled += 1
  if (settled === 1)
    setTimeout(() => {
      tell(settled)
      settled = 0
    }, 5)
})
process.once('message', () => void yard.work([handle(noop, () => {})], { queues: { bench: { concurrency: 100 } } }))
tell('ready')
