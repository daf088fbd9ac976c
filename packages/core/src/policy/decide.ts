import { RetryAfter, Snooze } from '../errors.ts'
import { DEFAULTS } from '../job/defaults.ts'
import type { DeadReason, Failure, FailureClass } from '../job/envelope.ts'
import type { RetryPolicy } from '../job/retry-policy.ts'
import { backoffDelay } from './backoff-delay.ts'
import { classify, retryAfterOf } from './classify.ts'
import type { Note } from './note.ts'

/** How one lease of a job went. */
export type Outcome =
  | { readonly kind: 'completed' }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** A stopping worker gave it back after it had started. */
  | { readonly kind: 'interrupted' }
  /** It came before its time: part of a delay longer than the broker holds, or a clock that runs ahead. */
  | { readonly kind: 'early'; readonly notBefore: number }
  /** Leased by a worker that stopped before it could start it. */
  | { readonly kind: 'unstarted' }
  /** No handler here, or a newer version than this worker's. */
  | { readonly kind: 'unknown'; readonly error: unknown }
  /** The body or note cannot be read, or the payload does not fit its schema. */
  | { readonly kind: 'poison'; readonly error: unknown }
  /** Its worker died or froze with it too often. */
  | { readonly kind: 'crash-loop'; readonly lapses: number }
  /** Its worker died or froze with it, and its policy forbids to run what may have happened. */
  | { readonly kind: 'lapsed'; readonly lapses: number }
  /** It was dead before, but the broker refused the move. */
  | { readonly kind: 'buried'; readonly reason: DeadReason }

/** What is known when the decision is made. */
export interface Circumstances {
  readonly note: Note
  readonly policy: RetryPolicy
  /** The job has a key or is declared idempotent. */
  readonly repeatable: boolean
  /** Epoch ms. */
  readonly enqueuedAt: number
  readonly now: number
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** What is to be done; delays are what policy wants, before the broker's limits. */
export type Decision =
  | { readonly kind: 'complete' }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly note: Note; readonly failure: Failure }
  | { readonly kind: 'release'; readonly delayMs: number; readonly note: Note }
  | { readonly kind: 'dead'; readonly reason: DeadReason; readonly note: Note }

/** The whole lifecycle policy: outcome x attempt x policy x now -> settlement. Pure. */
export function decide(outcome: Outcome, given: Circumstances): Decision {
  const { note, policy } = given
  switch (outcome.kind) {
    case 'completed':
      return { kind: 'complete' }
    case 'failed':
      return ofFailure(outcome.error, given)
    case 'early':
      return { kind: 'release', delayMs: Math.max(0, Math.ceil(outcome.notBefore - given.now)), note }
    case 'unstarted':
      return { kind: 'release', delayMs: 0, note }
    case 'interrupted': {
      if (forbidsRepeats(given))
        return dead(
          'ambiguous',
          new Error('interrupted by a stopping worker: it may have happened'),
          'ambiguous',
          given,
        )
      const releases = note.releases + 1
      if (releases <= policy.maxReleases)
        return { kind: 'release', delayMs: 0, note: { ...note, releases, notBefore: 0 } }
      const error = new Error(`interrupted by stopping workers ${releases} times`)
      return afterFailure(failureOf(error, 'transient', given), 0, { ...given, note: { ...note, releases } })
    }
    case 'unknown': {
      const putBacks = note.putBacks + 1
      if (putBacks > DEFAULTS.maxPutBacks) return dead('unknown-job', outcome.error, 'permanent', given)
      const delayMs = Math.min(DEFAULTS.putBackMaxMs, DEFAULTS.putBackBaseMs * 2 ** (putBacks - 1))
      return { kind: 'release', delayMs, note: { ...note, putBacks, notBefore: 0 } }
    }
    case 'poison':
      return dead('poison', outcome.error, 'permanent', given)
    case 'crash-loop': {
      const error = new Error(
        `${outcome.lapses} leases of this job ended unsettled: its worker died, froze or lost the broker`,
      )
      return dead('crash-loop', error, 'ambiguous', given)
    }
    case 'lapsed':
      return dead(
        'ambiguous',
        new Error(`${outcome.lapses} leases of this job ended unsettled: it may have happened`),
        'ambiguous',
        given,
      )
    case 'buried': {
      const { buried: _done, ...rest } = note
      return { kind: 'dead', reason: outcome.reason, note: rest }
    }
  }
}

/** `onAmbiguous: 'dead'` for a job that nothing makes safe to repeat: what may have happened is not run again. */
export function forbidsRepeats(given: Pick<Circumstances, 'policy' | 'repeatable'>): boolean {
  return given.policy.onAmbiguous === 'dead' && !given.repeatable
}

function ofFailure(thrown: unknown, given: Circumstances): Decision {
  const error = readable(thrown)
  const { note, policy, now } = given
  if (error instanceof Snooze) {
    return { kind: 'release', delayMs: error.delayMs, note: { ...note, notBefore: now + error.delayMs } }
  }
  const failureClass = safely(error, policy)
  const failure = failureOf(error, failureClass, given)
  if (failureClass === 'permanent') {
    return died((error as { code?: unknown } | null)?.code === 'reject' ? 'rejected' : 'permanent', failure, given)
  }
  if (failureClass === 'ambiguous' && forbidsRepeats(given)) {
    return died('ambiguous', failure, given)
  }
  const asked = error instanceof RetryAfter ? error.delayMs : askedDelay(error, now)
  return afterFailure(failure, asked ?? backoffDelay(policy.backoff, note.attempts + 1, given.random), given)
}

function afterFailure(failure: Failure, delayMs: number, given: Circumstances): Decision {
  const { note, policy, now, enqueuedAt } = given
  if (note.attempts + 1 >= policy.maxAttempts) return died('attempts', failure, given)
  if (now + delayMs - enqueuedAt >= policy.giveUpAfterMs) return died('deadline', failure, given)
  const whole = Math.ceil(delayMs)
  return { kind: 'retry', delayMs: whole, note: { ...counted(note, failure), notBefore: now + whole }, failure }
}

function dead(reason: DeadReason, error: unknown, failureClass: FailureClass, given: Circumstances): Decision {
  return {
    kind: 'dead',
    reason,
    note: { ...given.note, failures: [...given.note.failures, failureOf(error, failureClass, given)] },
  }
}

function died(reason: DeadReason, failure: Failure, given: Circumstances): Decision {
  return { kind: 'dead', reason, note: counted(given.note, failure) }
}

function counted(note: Note, failure: Failure): Note {
  return { ...note, attempts: note.attempts + 1, failures: [...note.failures, failure] }
}

/** A classifier of the user's that throws must not decide anything: the default stands; of what cannot be read, transient. */
function safely(error: unknown, policy: RetryPolicy): FailureClass {
  for (const custom of [policy.classify, null]) {
    try {
      const said = classify(error, custom)
      if (CLASSES.has(said)) return said
    } catch {
      // The next one decides.
    }
  }
  return 'transient'
}

const CLASSES: ReadonlySet<unknown> = new Set<FailureClass>(['transient', 'permanent', 'ambiguous'])

function askedDelay(error: unknown, now: number): number | null {
  try {
    return retryAfterOf(error, now)
  } catch {
    return null
  }
}

const STACK_CHARS = 4_000
const MESSAGE_CHARS = 2_000

/** An error as data: anything can be thrown, so nothing about it is trusted. */
function failureOf(error: unknown, failureClass: FailureClass, given: Circumstances): Failure {
  const base = { at: given.now, attempt: given.note.attempts + 1, class: failureClass }
  if (typeof error !== 'object' || error === null) {
    return { ...base, name: `thrown ${typeof error}`, message: clip(textOf(error), MESSAGE_CHARS) }
  }
  const { name, message, code, stack } = error as Readonly<Record<string, unknown>>
  return {
    ...base,
    name: typeof name === 'string' && name !== '' ? clip(name, 100) : 'Error',
    message: clip(typeof message === 'string' ? message : textOf(error), MESSAGE_CHARS),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: clip(String(code), 100) } : {}),
    ...(typeof stack === 'string' ? { stack: clip(stack, STACK_CHARS) } : {}),
  }
}

/** Anything can be thrown, also what throws when it is looked at; that is replaced by an error that says so. */
function readable(thrown: unknown): unknown {
  if (typeof thrown !== 'object' || thrown === null) return thrown
  try {
    void (thrown instanceof Error)
    for (const field of READ) void (thrown as Readonly<Record<string, unknown>>)[field]
    return thrown
  } catch {
    return new Error('the handler threw something that cannot be read')
  }
}

/** Every field that classification and failure records look at. */
const READ = [
  'name',
  'message',
  'code',
  'stack',
  'status',
  'statusCode',
  'response',
  '$metadata',
  'cause',
  'headers',
  'retryAfterMs',
]

function textOf(value: unknown): string {
  try {
    return typeof value === 'object' ? (JSON.stringify(value) ?? 'an object') : String(value)
  } catch {
    return 'something that cannot be shown'
  }
}

function clip(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}
