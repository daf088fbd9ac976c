import { setTimeout as sleep } from 'node:timers/promises'
import { BrokerError } from '@switchyard/core'

/** A broker that is away for longer than this is not in the middle of a planned outage. */
const PATIENCE_MS = 90_000
const PAUSE_MS = 250

/**
 * Opens what needs a broker, again and again while there is none: what the supervisor of a worker does when it starts into an
 * outage. Any other error, and a broker that stays away, is thrown.
 */
export async function patiently<Opened>(open: () => Promise<Opened>): Promise<Opened> {
  const until = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return await open()
    } catch (error) {
      const outage = error instanceof BrokerError && error.retryable
      if (!outage || performance.now() > until) throw error
      await sleep(PAUSE_MS)
    }
  }
}
