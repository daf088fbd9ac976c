/** Where an error happened, for people and machines; every field that is known is set. */
export interface ErrorPlace {
  readonly job?: string
  readonly queue?: string
  readonly broker?: string
  readonly option?: string
  readonly jobId?: string
}

/** Words of `SwitchyardError.code`; match on these, never on the message. */
export type ErrorCode =
  | 'config'
  | 'unsupported'
  | 'invalid-payload'
  | 'payload-too-large'
  | 'envelope'
  | 'unknown-job'
  | 'enqueue'
  | 'closed'
  | 'not-found'
  | 'reject'
  | 'retry-after'
  | 'snooze'
  | 'timeout'
  | 'lease-lost'
  | 'shutdown'

/** Base of every error that core throws; `code` is stable, the message says what happened and the way out. */
export abstract class SwitchyardError extends Error implements ErrorPlace {
  abstract readonly code: ErrorCode
  declare readonly job?: string
  declare readonly queue?: string
  declare readonly broker?: string
  declare readonly option?: string
  declare readonly jobId?: string

  constructor(message: string, place: ErrorPlace = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    Object.assign(this, place)
  }
}

/** A definition, option or URL that can never work; fix the program or its configuration. Exit code 64. */
export class ConfigError extends SwitchyardError {
  readonly code = 'config'
}

/** The broker cannot keep what was asked; nothing was sent. The message names the alternatives. */
export class UnsupportedError extends SwitchyardError {
  readonly code = 'unsupported'
}

/** One thing that a schema found wrong. */
export interface PayloadIssue {
  readonly path: string
  readonly message: string
}

/** The payload does not fit the definition's schema or cannot be written as JSON. Permanent: no retry helps. */
export class InvalidPayloadError extends SwitchyardError {
  readonly code = 'invalid-payload'
  readonly issues: readonly PayloadIssue[]

  constructor(message: string, place: ErrorPlace, issues: readonly PayloadIssue[], cause?: unknown) {
    super(message, place, cause)
    this.issues = issues
  }
}

/** The encoded payload exceeds the queue's limit in bytes. */
export class PayloadTooLargeError extends SwitchyardError {
  readonly code = 'payload-too-large'
}

/** A message body that is not an envelope of ours; it goes to the dead queue with the raw body kept. */
export class EnvelopeError extends SwitchyardError {
  readonly code = 'envelope'
}

/** No handler or definition in this process for that job name or version: perhaps a newer deployment has one. */
export class UnknownJobError extends SwitchyardError {
  readonly code = 'unknown-job'
}

/**
 * The broker did not confirm an enqueue. `maybeApplied` true: it may be stored nevertheless; enqueue again with
 * `{ id: error.jobId }` - that never loses, and doubles only where the adapter's `dedupe` is `none`.
 */
export class EnqueueError extends SwitchyardError {
  readonly code = 'enqueue'
  readonly maybeApplied: boolean
  readonly retryable: boolean
  override readonly jobId: string

  constructor(
    message: string,
    place: ErrorPlace & { readonly jobId: string },
    state: { readonly maybeApplied: boolean; readonly retryable: boolean },
    cause: unknown,
  ) {
    super(message, place, cause)
    this.jobId = place.jobId
    this.maybeApplied = state.maybeApplied
    this.retryable = state.retryable
  }
}

/** Used after `close` or `stop`. */
export class ClosedError extends SwitchyardError {
  readonly code = 'closed'
}

/** Nothing with that id or name. */
export class NotFoundError extends SwitchyardError {
  readonly code = 'not-found'
}

/** Throw from a handler: this job can never succeed; to the dead queue now, no further attempt. */
export class Reject extends SwitchyardError {
  readonly code = 'reject'

  constructor(reason: string, options: { readonly cause?: unknown } = {}) {
    super(reason, {}, options.cause)
  }
}

/** Throw from a handler: failed, try again after `delayMs` instead of the backoff (an attempt is used). */
export class RetryAfter extends SwitchyardError {
  readonly code = 'retry-after'
  readonly delayMs: number

  constructor(delayMs: number, reason = 'asked to retry later', options: { readonly cause?: unknown } = {}) {
    super(reason, {}, options.cause)
    this.delayMs = wholeDelay('RetryAfter', delayMs)
  }
}

/** Throw from a handler: not now, come back after `delayMs`; no attempt is used. */
export class Snooze extends SwitchyardError {
  readonly code = 'snooze'
  readonly delayMs: number

  constructor(delayMs: number, reason = 'snoozed') {
    super(reason)
    this.delayMs = wholeDelay('Snooze', delayMs)
  }
}

/** `ctx.signal.reason` after `timeoutMs`: the attempt will count as an ambiguous failure. */
export class JobTimeout extends SwitchyardError {
  readonly code = 'timeout'
}

/** `ctx.signal.reason` when the lease ended under the handler: somebody else may be running this job now. */
export class LeaseLost extends SwitchyardError {
  readonly code = 'lease-lost'
}

/** `ctx.signal.reason` when the worker stops and the grace is over: the job is released without using an attempt. */
export class Shutdown extends SwitchyardError {
  readonly code = 'shutdown'
}

/** The range of Date (ECMA-262 21.4.1.1): nothing can be due later. In ms. */
export const LONGEST_DELAY_MS = 8_640_000_000_000_000

function wholeDelay(name: string, delayMs: number): number {
  if (!(delayMs >= 0 && delayMs <= LONGEST_DELAY_MS)) {
    throw new ConfigError(
      `${name}: delayMs must be a number of milliseconds from 0 to ${LONGEST_DELAY_MS}, got ${String(delayMs)}`,
      {
        option: 'delayMs',
      },
    )
  }
  return Math.ceil(delayMs)
}
