import type { Target } from './subject.ts'

/** A target that knows which of its functions nobody called. */
export interface CountedTarget {
  readonly target: Target
  /** Hooks that were given and never called; a misspelt one is among them. */
  unused(): readonly string[]
}

/** Wraps a target so that every call of a hook is counted. */
export function countHooks(target: Target): CountedTarget {
  const called = new Set<string>()
  const hooks = Object.keys(target).filter((name) => typeof target[name as keyof Target] === 'function')
  const counted = new Proxy(target, {
    get(inner, name) {
      const value: unknown = Reflect.get(inner, name)
      if (typeof value !== 'function') return value
      return (...all: readonly unknown[]) => {
        if (typeof name === 'string') called.add(name)
        return Reflect.apply(value, inner, all) as unknown
      }
    },
  })
  return { target: counted, unused: () => hooks.filter((name) => !called.has(name)) }
}
