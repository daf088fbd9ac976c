import type { Subject } from '@switchyard/conformance'
import { subject as standard } from './subject.ts'

/** The same with FIFO queues: order keys, no delay on send, no notes. */
export const subject: Subject = {
  ...standard,
  async start() {
    const target = await standard.start()
    return {
      ...target,
      options: `${String(target.options)}&fifo=true`,
      [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
    }
  },
}
