import type { Unsubscribe } from '../observe/emitter.ts'

/** Anything with a graceful stop: a worker, a yard. */
export interface Stoppable {
  stop(): Promise<unknown>
}

/**
 * The one place that touches process signals: SIGTERM and SIGINT stop everything gracefully, then `done` is called (default:
 * exit 0, or 1 when a stop failed). A second signal exits at once with 128 + its number. Returns a function that lets go.
 */
export function stopOnSignals(
  stoppables: readonly Stoppable[],
  options: { readonly done?: (outcome: 'stopped' | 'failed', error?: unknown) => void } = {},
): Unsubscribe {
  let stopping = false
  const done = options.done ?? ((outcome) => process.exit(outcome === 'stopped' ? 0 : 1))
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(signal === 'SIGINT' ? 130 : 143)
    stopping = true
    Promise.all(stoppables.map((one) => one.stop())).then(
      () => done('stopped'),
      (error: unknown) => done('failed', error),
    )
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  return () => {
    process.off('SIGTERM', onSignal)
    process.off('SIGINT', onSignal)
  }
}
