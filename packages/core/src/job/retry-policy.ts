import { ConfigError, type ErrorPlace } from '../errors.ts'
import { DEFAULTS } from './defaults.ts'

/** `full`: a uniform draw from 0 to the computed delay (AWS Architecture Blog, "Exponential Backoff And Jitter"); `none`: exactly it. */
export type Jitter = 'full' | 'none'

/** How long to wait after a failed attempt; plain data, so that it can be printed and compared. */
export type Backoff =
  | { readonly kind: 'fixed'; readonly delayMs: number; readonly jitter: Jitter }
  | {
      readonly kind: 'exponential'
      readonly baseMs: number
      readonly maxMs: number
      readonly factor: number
      readonly jitter: Jitter
    }
  | { readonly kind: 'list'; readonly delaysMs: readonly number[]; readonly jitter: Jitter }

/** The same wait after every failure. */
export function fixed(options: { readonly delayMs: number; readonly jitter?: Jitter }): Backoff {
  return { kind: 'fixed', delayMs: options.delayMs, jitter: options.jitter ?? 'full' }
}

/** baseMs, then times factor (default 2) after each failure, never above maxMs. */
export function exponential(
  options: {
    readonly baseMs?: number
    readonly maxMs?: number
    readonly factor?: number
    readonly jitter?: Jitter
  } = {},
): Backoff {
  return {
    kind: 'exponential',
    baseMs: options.baseMs ?? DEFAULTS.backoffBaseMs,
    maxMs: options.maxMs ?? DEFAULTS.backoffMaxMs,
    factor: options.factor ?? DEFAULTS.backoffFactor,
    jitter: options.jitter ?? 'full',
  }
}

/** Exactly these waits, one per failure; the last repeats. */
export function delays(delaysMs: readonly number[], options: { readonly jitter?: Jitter } = {}): Backoff {
  return { kind: 'list', delaysMs: [...delaysMs], jitter: options.jitter ?? 'none' }
}

/** What a classifier says about an error; `undefined` leaves it to the default classifier. */
export type Classifier = (error: unknown) => 'transient' | 'permanent' | 'ambiguous' | undefined

/** The retry part of a definition, as users write it. */
export interface RetryOptions {
  /** Handler runs at most this often (default 5). A crash of the worker uses a lapse, not an attempt. */
  readonly maxAttempts?: number
  readonly backoff?: Backoff
  /** Dead when this long has passed since enqueue and an attempt failed; also cuts no running attempt short. */
  readonly giveUpAfterMs?: number
  /**
   * An ambiguous failure (it may have happened) of a job without `key` or `idempotent`: repeat (default) or dead. With
   * `dead` a lapse (the worker died with it) and an interruption by a stopping worker are ambiguous, too; a handler that
   * knows that nothing happened throws Snooze.
   */
  readonly onAmbiguous?: 'retry' | 'dead'
  /** Asked before the default classifier. */
  readonly classify?: Classifier
  readonly maxLapses?: number
  readonly maxReleases?: number
}

/** The retry part of a definition with every default filled in. */
export interface RetryPolicy {
  readonly maxAttempts: number
  readonly backoff: Backoff
  readonly giveUpAfterMs: number
  readonly onAmbiguous: 'retry' | 'dead'
  readonly classify: Classifier | null
  readonly maxLapses: number
  readonly maxReleases: number
}

const RETRY_KEYS: ReadonlySet<string> = new Set([
  'maxAttempts',
  'backoff',
  'giveUpAfterMs',
  'onAmbiguous',
  'classify',
  'maxLapses',
  'maxReleases',
])

/** Fills in defaults; throws ConfigError naming the option for anything out of range or unknown. */
export function retryPolicy(options: RetryOptions, place: ErrorPlace): RetryPolicy {
  for (const key of Object.keys(options)) {
    if (!RETRY_KEYS.has(key)) fail(`retry.${key}`, `is unknown; known: ${[...RETRY_KEYS].join(', ')}`, place)
  }
  const policy: RetryPolicy = {
    maxAttempts: options.maxAttempts ?? DEFAULTS.maxAttempts,
    backoff: options.backoff ?? exponential(),
    giveUpAfterMs: options.giveUpAfterMs ?? Number.POSITIVE_INFINITY,
    onAmbiguous: options.onAmbiguous ?? 'retry',
    classify: options.classify ?? null,
    maxLapses: options.maxLapses ?? DEFAULTS.maxLapses,
    maxReleases: options.maxReleases ?? DEFAULTS.maxReleases,
  }
  count('retry.maxAttempts', policy.maxAttempts, 1, place)
  count('retry.maxLapses', policy.maxLapses, 0, place)
  count('retry.maxReleases', policy.maxReleases, 0, place)
  if (!(policy.giveUpAfterMs > 0)) fail('retry.giveUpAfterMs', 'must be a positive number of milliseconds', place)
  if (policy.onAmbiguous !== 'retry' && policy.onAmbiguous !== 'dead') {
    fail('retry.onAmbiguous', "must be 'retry' or 'dead'", place)
  }
  if (policy.classify !== null && typeof policy.classify !== 'function') {
    fail('retry.classify', 'must be a function', place)
  }
  checkBackoff(policy.backoff, place)
  return policy
}

function checkBackoff(backoff: Backoff, place: ErrorPlace): void {
  const name = 'retry.backoff'
  if (backoff.jitter !== 'full' && backoff.jitter !== 'none') fail(`${name}.jitter`, "must be 'full' or 'none'", place)
  switch (backoff.kind) {
    case 'fixed':
      duration(`${name}.delayMs`, backoff.delayMs, place)
      return
    case 'exponential':
      duration(`${name}.baseMs`, backoff.baseMs, place)
      duration(`${name}.maxMs`, backoff.maxMs, place)
      if (backoff.maxMs < backoff.baseMs) fail(`${name}.maxMs`, 'must be at least baseMs', place)
      if (!(backoff.factor >= 1 && backoff.factor <= 100)) fail(`${name}.factor`, 'must be between 1 and 100', place)
      return
    case 'list':
      if (backoff.delaysMs.length === 0) fail(`${name}.delaysMs`, 'must name at least one delay', place)
      for (const delayMs of backoff.delaysMs) duration(`${name}.delaysMs`, delayMs, place)
      return
    default:
      fail(name, 'must come from fixed(), exponential() or delays()', place)
  }
}

function count(option: string, value: number, least: number, place: ErrorPlace): void {
  if (!Number.isSafeInteger(value) || value < least) fail(option, `must be a whole number >= ${least}`, place)
}

function duration(option: string, value: number, place: ErrorPlace): void {
  if (!Number.isFinite(value) || value < 0) fail(option, 'must be a number of milliseconds >= 0', place)
}

function fail(option: string, problem: string, place: ErrorPlace): never {
  throw new ConfigError(`job ${JSON.stringify(place.job ?? '?')}: ${option} ${problem}`, { ...place, option })
}
