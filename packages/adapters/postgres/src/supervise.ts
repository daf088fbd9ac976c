import type { Context } from './context.ts'
import { toBrokerError } from './errors.ts'

/**
 * Looks for lapsed leases by pg-boss's public `supervise`, in the queues that this process uses, twice per monitor interval;
 * a pass is claimed in the database, so that all processes together make one per interval. Returns the way to stop, which awaits the pass under way.
 */
export function superviseWith(context: Context): () => Promise<void> {
  const { boss, host, queues, settings } = context
  const stop = new AbortController()
  const run = async () => {
    let failing = false
    while (!stop.signal.aborted) {
      await host.clock.sleep(settings.monitorIntervalMs / 2, stop.signal)
      if (stop.signal.aborted) return
      try {
        for (const name of queues.names()) await boss.supervise(name)
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
