import type { Delivery } from '@switchyard/core/adapter'

/** A receive that waits: ends once, by deliveries, by an error, or by its caller's abort. */
export interface PendingReceive {
  readonly max: number
  readonly result: Promise<readonly Delivery[]>
  resolve(deliveries: readonly Delivery[]): void
  reject(error: unknown): void
}

/** `aborted` runs at once when the caller aborts, and must end it; `ended` runs as soon as it has ended. */
export function pendingReceive(
  max: number,
  parts: { readonly signal: AbortSignal; aborted(): void; ended(): void },
): PendingReceive {
  const { promise, resolve, reject } = Promise.withResolvers<readonly Delivery[]>()
  const { signal, aborted, ended } = parts
  signal.addEventListener('abort', aborted, { once: true })
  const end = () => {
    signal.removeEventListener('abort', aborted)
    ended()
  }
  return {
    max,
    result: promise,
    resolve(deliveries) {
      end()
      resolve(deliveries)
    },
    reject(error) {
      end()
      reject(error)
    },
  }
}
