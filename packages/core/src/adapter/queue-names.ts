/** The four priorities, lowest first; each is a queue of its own ("lane") on every broker. */
export const PRIORITIES = ['low', 'normal', 'high', 'critical'] as const

/** A job's priority: which lane of its queue it waits in. */
export type Priority = (typeof PRIORITIES)[number]

/** What users may call a queue. */
export const QUEUE_NAME: RegExp = /^[a-z0-9-]{1,60}$/

/**
 * The only naming rule: `payments` (normal lane), `payments.high`, `payments.dead`. Injective, because a queue name has
 * no dot. An adapter whose broker forbids dots maps them to a character that queue names cannot contain (`_`).
 */
export function laneName(queue: string, priority: Priority): string {
  return priority === 'normal' ? queue : `${queue}.${priority}`
}

/** The queue that holds the dead letters of `queue` and all its lanes. */
export function deadName(queue: string): string {
  return `${queue}.dead`
}

/** The user's queue that a lane or dead queue belongs to: `payments.high` -> `payments`. */
export function baseName(name: string): string {
  const dot = name.indexOf('.')
  return dot === -1 ? name : name.slice(0, dot)
}
