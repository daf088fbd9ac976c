import type { Handler, JobContext, Middleware } from '../job/handler.ts'

/** The call of a handler inside its middleware, first one outermost. Without middleware it is the bare call. */
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
      let called = false
      await layer(context, () => {
        if (called)
          throw new Error(`middleware ${layer.name || index} called next() twice for job ${handler.definition.name}`)
        called = true
        return call(index + 1)
      })
    }
    return call(0)
  }
}
