import type { Handler, JobContext, Middleware } from '../job/handler.ts'

/**
 * The call of a handler inside its middleware, first one outermost. Without middleware it is the bare call. A layer that never
 * calls `next`, or swallows what it throws, decides that the job is complete; one that returns before `next` has ended does
 * not: the run waits for its handler, whose failure then counts.
 */
export function composed(
  middleware: readonly Middleware[],
): (handler: Handler, payload: unknown, context: JobContext) => unknown {
  if (middleware.length === 0) return (handler, payload, context) => handler.run(payload as never, context)
  return (handler, payload, context) => {
    const call = async (index: number): Promise<void> => {
      const layer = middleware[index]
      if (layer === undefined) {
        await handler.run(payload as never, context)
        return
      }
      let inner: Promise<void> | null = null
      let ended = false
      await layer(context, () => {
        if (inner !== null)
          throw new Error(`middleware ${layer.name || index} called next() twice for job ${handler.definition.name}`)
        inner = call(index + 1).finally(() => {
          ended = true
        })
        return inner
      })
      if (!ended) await inner
    }
    return call(0)
  }
}
