import type { BrokerErrorCode } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'

/** SQLSTATE (five characters) or its class (two) -> our word. PostgreSQL documentation, appendix A. Exact codes win. */
const SQLSTATES: Readonly<Record<string, BrokerErrorCode>> = {
  '08': 'unavailable',
  '08P01': 'unknown',
  '0A': 'unsupported',
  '22': 'invalid',
  '23': 'invalid',
  '23503': 'not-found',
  '25006': 'read-only',
  '28': 'forbidden',
  '3D': 'not-found',
  '3F': 'not-found',
  '40': 'conflict',
  '42501': 'forbidden',
  '42P01': 'not-found',
  '53': 'full',
  '53300': 'throttled',
  '53400': 'throttled',
  '54': 'too-large',
  '55P03': 'conflict',
  '57': 'unavailable',
  '57014': 'timeout',
  '58': 'unavailable',
  XX001: 'corrupt',
  XX002: 'corrupt',
}

/** Node's network and TLS errors (`error.code`). */
const NODE_CODES: Readonly<Record<string, BrokerErrorCode>> = {
  ECONNREFUSED: 'unavailable',
  ECONNRESET: 'unavailable',
  EPIPE: 'unavailable',
  ENOTFOUND: 'unavailable',
  EAI_AGAIN: 'unavailable',
  EHOSTUNREACH: 'unavailable',
  ENETUNREACH: 'unavailable',
  EHOSTDOWN: 'unavailable',
  ENOENT: 'unavailable',
  ETIMEDOUT: 'unavailable',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'forbidden',
  SELF_SIGNED_CERT_IN_CHAIN: 'forbidden',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'forbidden',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'forbidden',
  CERT_HAS_EXPIRED: 'forbidden',
  ERR_TLS_CERT_ALTNAME_INVALID: 'forbidden',
}

/** What `pg` and pg-boss say in words only; the first match wins. */
const MESSAGES: readonly (readonly [RegExp, BrokerErrorCode])[] = [
  [/^Queue .+ does not exist$/, 'not-found'],
  [/timeout expired|timeout exceeded when trying to connect/i, 'timeout'],
  [/Connection terminated|Client has encountered a connection error|connection ended|not queryable/i, 'unavailable'],
  [/does not support SSL|SASL|password must be a string|sslmode/i, 'forbidden'],
  [/Cannot use a pool after calling end|pool is draining/i, 'closed'],
  [/Invalid string length|invalid memory alloc request/i, 'too-large'],
]

/** Errors of statements that never left this process: nothing can have been applied. */
const neverSent = new WeakSet<object>()

/** Marks an error of the phase before a statement was sent (getting a connection), and returns it. */
export function markNeverSent<Thrown>(error: Thrown): Thrown {
  if (typeof error === 'object' && error !== null) neverSent.add(error)
  return error
}

/** What was going on when a native error came. */
export interface FaultContext {
  /** What we were doing, as in `could not send`. */
  readonly doing: string
  readonly queue?: string
  /** The statement changes something, so that a lost answer leaves it open whether it did. */
  readonly writes: boolean
}

/** The one place where native errors become BrokerErrors. A BrokerError passes through untouched. */
export function toBrokerError(error: unknown, context: FaultContext): BrokerError {
  if (error instanceof BrokerError) return error
  const code = codeOf(error)
  const answerLost = code === 'unavailable' || code === 'timeout'
  // a server that cancelled the statement itself (57014) has rolled it back, and said so
  const rolledBack = nativeCode(error) === '57014'
  const sent = !(typeof error === 'object' && error !== null && neverSent.has(error))
  return new BrokerError({
    code,
    adapter: 'postgres',
    ...(context.queue === undefined ? {} : { queue: context.queue }),
    message: `could not ${context.doing}: ${messageOf(error)}${WAY_OUT[code] ?? ''}`,
    maybeApplied: context.writes && answerLost && sent && !rolledBack,
    cause: error,
  })
}

const WAY_OUT: Partial<Record<BrokerErrorCode, string>> = {
  unavailable: '. Is the server up and reachable from here?',
  forbidden: '. Check user, password, TLS settings and rights.',
  'not-found': '. Declare the queue first, and check database and schema.',
  throttled: '. Raise max_connections or lower the `connections` option.',
  full: '. Free disk space or memory on the server.',
  'read-only': '. The server takes no writes (standby, or default_transaction_read_only): connect to the primary.',
}

/** Our word for a native error. */
export function codeOf(error: unknown): BrokerErrorCode {
  const native = nativeCode(error)
  if (native !== undefined) {
    const found = SQLSTATES[native] ?? NODE_CODES[native]
    if (found !== undefined) return found
    if (/^[0-9A-Z]{5}$/.test(native)) return SQLSTATES[native.slice(0, 2)] ?? 'unknown'
  }
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  const text = messageOf(error)
  return MESSAGES.find(([pattern]) => pattern.test(text))?.[1] ?? 'unknown'
}

function nativeCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
