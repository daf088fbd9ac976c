import { systemClock } from '@switchyard/core/adapter'
import { OutOfTime } from './case.ts'

/** Rejects with OutOfTime when `work` takes longer; `work` itself goes on, its late failure has been answered here. */
export async function limited<Value>(work: Promise<Value>, limitMs: number, message: string): Promise<Value> {
  let cancel = () => {}
  const late = new Promise<never>((_, reject) => {
    cancel = systemClock.schedule(limitMs, () => reject(new OutOfTime(message)))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
  }
}
