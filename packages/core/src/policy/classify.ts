import { BrokerError } from '../adapter/broker-error.ts'
import {
  EnqueueError,
  InvalidPayloadError,
  JobTimeout,
  LONGEST_DELAY_MS,
  PayloadTooLargeError,
  Reject,
  SwitchyardError,
} from '../errors.ts'
import type { FailureClass } from '../job/envelope.ts'
import type { Classifier } from '../job/retry-policy.ts'

/** HTTP statuses that may pass (RFC 9110; 425 RFC 8470, 429 RFC 6585). Other 4xx are the request's own fault. */
const TRANSIENT_STATUS: ReadonlySet<number> = new Set([408, 409, 421, 423, 425, 429, 500, 502, 503, 507, 508])

/** 504: a gateway gave up waiting, so the origin may have acted. */
const AMBIGUOUS_STATUS: ReadonlySet<number> = new Set([504])

/** Nothing can have reached the peer: no connection was made (Node `errors`, libuv; undici `Errors`). */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** The request may have been carried out although no answer came. */
const MAYBE_SENT: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'ECONNABORTED',
  'UND_ERR_SOCKET',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_RESPONSE_STATUS_CODE_UNKNOWN',
])

/** Programming errors: the same bytes will fail the same way (ECMA-262 20.5.5), except that fetch throws TypeError for networks. */
const PROGRAM_ERRORS: ReadonlySet<string> = new Set(['SyntaxError', 'RangeError', 'ReferenceError', 'URIError'])

/** AWS error names that mean "slow down or try again" (AWS SDK `retryable`, botocore `retryable throttling errors`). */
const AWS_TRANSIENT =
  /throttl|toomanyrequests|requestlimitexceeded|serviceunavailable|internalservererror|slowdown|provisionedthroughputexceeded/i
const AWS_PERMANENT =
  /accessdenied|validationexception|invalidparameter|unrecognizedclient|resourcenotfound|invalidsignature|expiredtoken/i

/**
 * transient: worth repeating; permanent: hopeless; ambiguous: it may have happened. Unknown errors are transient, since
 * a needless retry costs less than a lost job. `custom` is asked first; what it throws is ignored in favour of the default.
 */
export function classify(error: unknown, custom: Classifier | null): FailureClass {
  if (error instanceof Reject) return 'permanent'
  const own = custom?.(error)
  if (own !== undefined) return own
  return ofError(error, 0)
}

function ofError(error: unknown, depth: number): FailureClass {
  if (typeof error !== 'object' || error === null) return 'transient'
  if (error instanceof JobTimeout) return 'ambiguous'
  if (error instanceof BrokerError || error instanceof EnqueueError) {
    if (error.maybeApplied) return 'ambiguous'
    return error.retryable ? 'transient' : 'permanent'
  }
  if (error instanceof InvalidPayloadError || error instanceof PayloadTooLargeError) return 'permanent'
  if (error instanceof SwitchyardError) return 'transient'
  const fields = error as Readonly<Record<string, unknown>>
  const status = statusOf(fields)
  if (status !== null) return ofStatus(status)
  const code = typeof fields.code === 'string' ? fields.code : ''
  if (NOT_SENT.has(code)) return 'transient'
  if (MAYBE_SENT.has(code)) return 'ambiguous'
  if (/^[0-9A-Z]{5}$/.test(code) && /\d/.test(code)) return ofSqlState(code)
  const name = typeof fields.name === 'string' ? fields.name : ''
  if (AWS_TRANSIENT.test(name)) return 'transient'
  if (AWS_PERMANENT.test(name)) return 'permanent'
  if (name === 'TimeoutError') return 'ambiguous'
  if (fields.cause !== undefined && depth < 5) return ofError(fields.cause, depth + 1)
  if (PROGRAM_ERRORS.has(name)) return 'permanent'
  return 'transient'
}

function statusOf(fields: Readonly<Record<string, unknown>>): number | null {
  const response = fields.response as { status?: unknown; statusCode?: unknown } | undefined
  const metadata = fields.$metadata as { httpStatusCode?: unknown } | undefined
  for (const status of [
    fields.status,
    fields.statusCode,
    response?.status,
    response?.statusCode,
    metadata?.httpStatusCode,
  ]) {
    if (typeof status === 'number' && status >= 400 && status < 600) return status
  }
  return null
}

function ofStatus(status: number): FailureClass {
  if (AMBIGUOUS_STATUS.has(status)) return 'ambiguous'
  if (TRANSIENT_STATUS.has(status)) return 'transient'
  return status < 500 ? 'permanent' : status === 501 || status === 505 ? 'permanent' : 'transient'
}

/** By SQLSTATE class (PostgreSQL documentation, Appendix A; ISO/IEC 9075). */
function ofSqlState(code: string): FailureClass {
  if (code === '08007' || code === '40003') return 'ambiguous'
  switch (code.slice(0, 2)) {
    case '22':
    case '23':
    case '42':
    case '0A':
    case '28':
    case '2F':
      return 'permanent'
    default:
      return 'transient'
  }
}

/** `Retry-After` of an HTTP answer (RFC 9110 10.2.3: seconds or a date) in ms from `now`, or null. */
export function retryAfterOf(error: unknown, now: number): number | null {
  if (typeof error !== 'object' || error === null) return null
  const fields = error as Readonly<Record<string, unknown>>
  if (isDelay(fields.retryAfterMs)) return fields.retryAfterMs
  const holder = (fields.response ?? fields) as { headers?: unknown }
  const headers = holder.headers
  const value =
    headers instanceof Headers
      ? headers.get('retry-after')
      : ((headers as Readonly<Record<string, unknown>> | undefined)?.['retry-after'] ?? null)
  if (typeof value !== 'string' && typeof value !== 'number') return null
  const seconds = Number(value)
  if (isDelay(seconds * 1_000)) return seconds * 1_000
  const date = Date.parse(String(value))
  return Number.isNaN(date) || Number.isFinite(seconds) ? null : Math.max(0, date - now)
}

function isDelay(ms: unknown): ms is number {
  return typeof ms === 'number' && ms >= 0 && ms <= LONGEST_DELAY_MS
}
