import type { Context } from './context.ts'
import { toBrokerError } from './errors.ts'

/**
 * Looks for lapsed leases by pg-boss's public `supervise`, four times per monitor interval; a pass is claimed in the
 * database, so that all processes together make one per interval. Returns the way to stop, which awaits the pass under way.
 */
export function superviseWith(context: Context): () => Promise<void> {
  const { boss, host, settings } = context
  const stop = new AbortController()
  const run = async () => {
    let failing = false
    while (!stop.signal.aborted) {
      await host.clock.sleep(settings.monitorIntervalMs / 4, stop.signal)
      if (stop.signal.aborted) return
      try {
        await boss.supervise()
        failing = false
      } catch (error) {
        if (!failing && !stop.signal.aborted)
          host.report(toBrokerError(error, { doing: 'look for lapsed leases', writes: true }))
        failing = true
      }
    }
  }
  const running = run()
  return () => {
    stop.abort()
    return running
  }
}
