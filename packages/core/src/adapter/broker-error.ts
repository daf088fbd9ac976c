/**
 * What went wrong at the broker, in words every adapter shares.
 * - `unavailable` not reachable, or it went away · `timeout` no answer within the deadline
 * - `throttled` asked to slow down · `not-found` queue missing · `exists` there with other properties
 * - `forbidden` credentials or rights · `invalid` the broker refuses the content · `too-large`
 * - `conflict` somebody else holds it (exclusive use, serialization) · `corrupt` stored data unreadable
 * - `full` no space or memory left · `read-only` · `version` broker or schema version not supported
 * - `closed` used after close · `unsupported` the adapter cannot do this · `unknown`
 */
export type BrokerErrorCode =
  | 'unavailable'
  | 'timeout'
  | 'throttled'
  | 'not-found'
  | 'exists'
  | 'forbidden'
  | 'invalid'
  | 'too-large'
  | 'conflict'
  | 'corrupt'
  | 'full'
  | 'read-only'
  | 'version'
  | 'closed'
  | 'unsupported'
  | 'unknown'

/** Trying the same call again can help without anybody changing anything. */
const RETRYABLE: ReadonlySet<BrokerErrorCode> = new Set(['unavailable', 'timeout', 'throttled', 'conflict', 'full'])

/** What a BrokerError is made of. */
export interface BrokerErrorParts {
  readonly code: BrokerErrorCode
  /** Adapter name, e.g. `rabbitmq`. */
  readonly adapter: string
  /** What happened and the way out, without secrets. Queue and adapter are prefixed for you. */
  readonly message: string
  readonly queue?: string
  /** True when the broker may have carried the call out although no answer came. Default false. */
  readonly maybeApplied?: boolean
  /** Default: by code. */
  readonly retryable?: boolean
  /** The native error, untouched. */
  readonly cause?: unknown
}

/** User, password and token of a URL within a text, up to the last @ of the word, since passwords may hold one. */
const URL_SECRETS = /([a-z][a-z0-9+.-]*:\/\/)[^\s"'<>]*@/gi

/** The only error that adapters throw or return. Match on `code`, never on the message. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError'
  readonly code: BrokerErrorCode
  readonly adapter: string
  readonly queue: string | undefined
  readonly retryable: boolean
  readonly maybeApplied: boolean

  constructor(parts: BrokerErrorParts) {
    const where = parts.queue === undefined ? parts.adapter : `${parts.adapter}, queue ${JSON.stringify(parts.queue)}`
    // A native message may quote the URL that it could not reach.
    super(
      `[${where}] ${parts.message.replace(URL_SECRETS, '$1***@')}`,
      parts.cause === undefined ? undefined : { cause: parts.cause },
    )
    this.code = parts.code
    this.adapter = parts.adapter
    this.queue = parts.queue
    this.retryable = parts.retryable ?? RETRYABLE.has(parts.code)
    this.maybeApplied = parts.maybeApplied ?? false
  }
}
