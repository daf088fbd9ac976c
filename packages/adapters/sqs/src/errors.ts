import { BrokerError, type BrokerErrorCode } from '@switchyard/core/adapter'

/** The broker's word in every error of this package. */
export const ADAPTER = 'sqs'

/** What was going on when a native error came. */
export interface FailedCall {
  /** As in `could not send`. */
  readonly doing: string
  readonly queue?: string
  /** The call changes something, so that a lost answer leaves it open whether it did. */
  readonly writes: boolean
}

/**
 * The one table from native words to ours: names of AWS exceptions and of failed batch entries (SQS API reference, "Errors" of each
 * action, and "Common errors"), codes of Node's network and TLS errors. A leading `AWS.SimpleQueueService.` is cut off first.
 */
const CODES: Readonly<Record<string, BrokerErrorCode>> = {
  QueueDoesNotExist: 'not-found',
  NonExistentQueue: 'not-found',
  ResourceNotFoundException: 'not-found',
  InvalidAddress: 'not-found',
  QueueNameExists: 'exists',
  QueueAlreadyExists: 'exists',
  QueueDeletedRecently: 'conflict',
  RequestThrottled: 'throttled',
  ThrottlingException: 'throttled',
  Throttling: 'throttled',
  TooManyRequestsException: 'throttled',
  KmsThrottled: 'throttled',
  OverLimit: 'throttled',
  PurgeQueueInProgress: 'throttled',
  AccessDenied: 'forbidden',
  AccessDeniedException: 'forbidden',
  KmsAccessDenied: 'forbidden',
  KmsDisabled: 'forbidden',
  KmsInvalidKeyUsage: 'forbidden',
  KmsInvalidState: 'forbidden',
  KmsNotFound: 'forbidden',
  KmsOptInRequired: 'forbidden',
  InvalidSecurity: 'forbidden',
  InvalidClientTokenId: 'forbidden',
  UnrecognizedClientException: 'forbidden',
  MissingAuthenticationToken: 'forbidden',
  MissingAuthenticationTokenException: 'forbidden',
  NotAuthorized: 'forbidden',
  OptInRequired: 'forbidden',
  SignatureDoesNotMatch: 'forbidden',
  InvalidSignatureException: 'forbidden',
  IncompleteSignature: 'forbidden',
  ExpiredToken: 'forbidden',
  ExpiredTokenException: 'forbidden',
  RequestExpired: 'forbidden',
  RequestTimeTooSkewed: 'forbidden',
  CredentialsProviderError: 'forbidden',
  TokenProviderError: 'forbidden',
  InvalidMessageContents: 'invalid',
  InvalidParameterValue: 'invalid',
  InvalidParameterValueException: 'invalid',
  InvalidAttributeName: 'invalid',
  InvalidAttributeValue: 'invalid',
  ValidationException: 'invalid',
  ValidationError: 'invalid',
  ReceiptHandleIsInvalid: 'invalid',
  MessageNotInflight: 'invalid',
  BatchRequestTooLong: 'too-large',
  UnsupportedOperation: 'unsupported',
  InvalidAction: 'unsupported',
  TimeoutError: 'timeout',
  RequestTimeout: 'timeout',
  AbortError: 'timeout',
  InternalError: 'unavailable',
  InternalFailure: 'unavailable',
  ServiceUnavailable: 'unavailable',
  ECONNREFUSED: 'unavailable',
  ECONNRESET: 'unavailable',
  EPIPE: 'unavailable',
  ENOTFOUND: 'unavailable',
  EAI_AGAIN: 'unavailable',
  EHOSTUNREACH: 'unavailable',
  ENETUNREACH: 'unavailable',
  EHOSTDOWN: 'unavailable',
  ETIMEDOUT: 'unavailable',
  EPROTO: 'forbidden',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'forbidden',
  SELF_SIGNED_CERT_IN_CHAIN: 'forbidden',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'forbidden',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'forbidden',
  CERT_HAS_EXPIRED: 'forbidden',
  ERR_TLS_CERT_ALTNAME_INVALID: 'forbidden',
}

/** Where the name says too little; the first match wins. */
const MESSAGES: readonly (readonly [RegExp, BrokerErrorCode])[] = [
  [/must be shorter than|MaximumMessageSize|message.*too (long|large)/i, 'too-large'],
  [/Region is missing/, 'invalid'],
  [/Could not load credentials|credential/i, 'forbidden'],
  [/socket hang up|socket closed/i, 'unavailable'],
]

/** Nothing reached the server. */
const NEVER_SENT = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN'],
  ...['CredentialsProviderError', 'TokenProviderError'],
])

/** Their texts repeat the signed request, session token included. */
const SECRETIVE = /^(SignatureDoesNotMatch|InvalidSignatureException|IncompleteSignature)$/

const WAY_OUT: Partial<Record<BrokerErrorCode, string>> = {
  unavailable: 'Is the endpoint right and reachable from here?',
  timeout: 'Is the endpoint right and reachable from here?',
  forbidden:
    'Check credentials, region, the clock of this machine, and the rights on this queue (the README lists them).',
  'not-found': 'Declare the queue first; check region and prefix.',
  throttled: 'Ask for a higher quota, or send less.',
}

/** Our word for a native error. */
export function codeOf(error: unknown): BrokerErrorCode {
  const text = textOf(error)
  const byName = namesOf(error)
    .map((name) => CODES[name])
    .find((code) => code !== undefined)
  if (byName !== undefined && byName !== 'invalid') return byName
  const byText = MESSAGES.find(([pattern]) => pattern.test(text))?.[1]
  if (byText !== undefined) return byText
  if (byName !== undefined) return byName
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  const status = (error as { $metadata?: { httpStatusCode?: unknown } } | null)?.$metadata?.httpStatusCode
  if (typeof status !== 'number') return 'unknown'
  if (status >= 500) return 'unavailable'
  if (status === 429) return 'throttled'
  return status === 401 || status === 403 ? 'forbidden' : 'unknown'
}

/** The one place where native errors become BrokerErrors. A BrokerError passes through untouched. */
export function toBrokerError(error: unknown, call: FailedCall): BrokerError {
  if (error instanceof BrokerError) return error
  const code = codeOf(error)
  const names = namesOf(error)
  const secret = names.some((name) => SECRETIVE.test(name))
  const answerLost = code === 'unavailable' || code === 'timeout' || code === 'unknown'
  const said = secret ? (names[0] ?? '') : `${names[0] ?? ''}: ${textOf(error).slice(0, 300)}`
  return new BrokerError({
    code,
    adapter: ADAPTER,
    ...(call.queue === undefined ? {} : { queue: call.queue }),
    message: `could not ${call.doing}: ${said.replace(/\.$/, '')}${WAY_OUT[code] === undefined ? '' : `. ${WAY_OUT[code]}`}`,
    maybeApplied: call.writes && answerLost && !names.some((name) => NEVER_SENT.has(name)),
    ...(secret ? {} : { cause: withoutRequest(error) }),
  })
}

/** A failed entry of a batch, as an error of its own. */
export function entryError(
  entry: {
    readonly Code?: string | undefined
    readonly Message?: string | undefined
    readonly SenderFault?: boolean | undefined
  },
  call: FailedCall,
): BrokerError {
  return toBrokerError(Object.assign(new Error(entry.Message ?? ''), { name: entry.Code ?? 'InternalError' }), call)
}

/** The lease behind a receipt is over: what SQS says, where it says it. */
export function saysLost(entry: {
  readonly Code?: string | undefined
  readonly Message?: string | undefined
}): boolean {
  const name = bare(entry.Code ?? '')
  if (name === 'ReceiptHandleIsInvalid' || name === 'MessageNotInflight') return true
  return name.startsWith('InvalidParameterValue') && /expired|does not exist|not available/i.test(entry.Message ?? '')
}

/** A call that got no answer within its deadline. */
export function lateError(limitMs: number, call: FailedCall): BrokerError {
  return new BrokerError({
    code: 'timeout',
    adapter: ADAPTER,
    ...(call.queue === undefined ? {} : { queue: call.queue }),
    message: `could not ${call.doing}: no answer within ${limitMs} ms. ${WAY_OUT.timeout}`,
    maybeApplied: call.writes,
  })
}

/** A refusal of ours, before anything was sent. */
export function refusal(code: BrokerErrorCode, queue: string, message: string): BrokerError {
  return new BrokerError({ code, adapter: ADAPTER, queue, message })
}

/** Transactions of a database do not reach SQS. Throws `unsupported`. */
export function refuseTx(queue: string, tx: unknown): void {
  if (tx !== undefined) throw refusal('unsupported', queue, 'SQS cannot take part in a transaction: leave out `tx`')
}

function namesOf(error: unknown): readonly string[] {
  if (typeof error !== 'object' || error === null) return []
  const { name, Code, code } = error as Readonly<Record<string, unknown>>
  // the SDK calls a reset a TimeoutError: Node's own code says more
  return [code, name, Code].filter((one): one is string => typeof one === 'string').map(bare)
}

function bare(name: string): string {
  return name.replace(/^.*[.#]/, '')
}

function textOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(textOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}

/** The SDK hangs the raw response on its errors (not removable), and on that the request with its signature and session token. */
function withoutRequest(error: unknown): unknown {
  if (!(error instanceof Error) || !('$response' in error)) return error
  const { name, message, stack } = error
  const { code, $metadata } = error as { readonly code?: unknown; readonly $metadata?: unknown }
  const clean = Object.assign(new Error(message), { name, ...(code === undefined ? {} : { code }), $metadata })
  if (stack !== undefined) clean.stack = stack
  return clean
}
