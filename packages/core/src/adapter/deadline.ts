import type { Clock } from '../runtime/clock.ts'

/**
 * Gives a native call a time limit: rejects with `late()` after `deadlineMs`. The call itself goes on; its later
 * rejection is swallowed here on purpose, because its caller has been answered.
 */
export function withDeadline<Value>(
  clock: Clock,
  deadlineMs: number,
  call: Promise<Value>,
  late: () => Error,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(deadlineMs, () => reject(late()))
    call.then(
      (value) => {
        cancel()
        resolve(value)
      },
      (error: unknown) => {
        cancel()
        reject(error)
      },
    )
  })
}
