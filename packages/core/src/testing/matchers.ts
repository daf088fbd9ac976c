import type { AnyJob } from '../job/define-job.ts'
import type { Json } from '../job/json-text.ts'
import type { Yard } from '../yard.ts'

/** What a matcher answers (vitest and jest `expect.extend`). */
export interface MatcherResult {
  readonly pass: boolean
  message(): string
}

/** Asynchronous matchers on a yard: `await expect(yard).toHaveEnqueued(sendEmail, { to: 'a@example.org' })`. */
export interface YardMatchers<Result = unknown> {
  /** A job of this definition waits (ready or delayed) whose payload contains `part`. Needs a broker with browse. */
  toHaveEnqueued(definition: AnyJob, part?: Json): Result
  /** A job of this definition is dead; `part` of its payload. */
  toHaveDeadLettered(definition: AnyJob, part?: Json): Result
  /** Nothing waits in the queue (ready, delayed or leased). */
  toBeDrained(queue: string): Result
}

/** For `expect.extend(yardMatchers)`. */
export const yardMatchers: {
  toHaveEnqueued(yard: Yard, definition: AnyJob, part?: Json): Promise<MatcherResult>
  toHaveDeadLettered(yard: Yard, definition: AnyJob, part?: Json): Promise<MatcherResult>
  toBeDrained(yard: Yard, queue: string): Promise<MatcherResult>
} = {
  async toHaveEnqueued(yard, definition, part) {
    const ready = await yard.peek(definition.queue, { limit: LOOK })
    const delayed = await yard.peek(definition.queue, { state: 'delayed', limit: LOOK })
    return found('waiting', definition, part, [...ready, ...delayed])
  },
  async toHaveDeadLettered(yard, definition, part) {
    const { letters } = await yard.deadLetters.list({ queue: definition.queue }, { limit: LOOK })
    return found(
      'dead',
      definition,
      part,
      letters.map((letter) => ({ job: letter.job, payload: letter.envelope.payload })),
    )
  },
  async toBeDrained(yard, queue) {
    const { lanes } = await yard.stats(queue)
    const left = lanes.flatMap(({ priority, stats }) =>
      (['ready', 'delayed', 'leased'] as const)
        .filter((state) => (stats[state]?.value ?? 0) > 0)
        .map((state) => `${stats[state]?.value} ${state} (${priority})`),
    )
    return {
      pass: left.length === 0,
      message: () => `queue ${queue} ${left.length === 0 ? 'is empty' : `still has ${left.join(', ')}`}`,
    }
  },
}

const LOOK = 1_000

function found(
  state: string,
  definition: AnyJob,
  part: Json | undefined,
  jobs: readonly { readonly job: string; readonly payload: Json }[],
): MatcherResult {
  const mine = jobs.filter((one) => one.job === definition.name)
  const pass = mine.some((one) => part === undefined || contains(one.payload, part))
  return {
    pass,
    message: () => {
      const seen = mine.map((one) => JSON.stringify(one.payload)).join('\n  ') || 'none'
      const wanted = part === undefined ? '' : ` containing ${JSON.stringify(part)}`
      return `${state} ${definition.name}${wanted}: ${pass ? 'found one' : 'found none'} among:\n  ${seen}`
    },
  }
}

/** Every property of `part` is in `whole`, recursively; arrays must have equal length. */
function contains(whole: Json, part: Json): boolean {
  if (typeof part !== 'object' || part === null) return whole === part
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole) !== Array.isArray(part)) return false
  if (Array.isArray(part) && part.length !== (whole as readonly Json[]).length) return false
  return Object.entries(part).every(([key, value]) => {
    const own = (whole as Readonly<Record<string, Json>>)[key]
    return own !== undefined && contains(own, value as Json)
  })
}
