import { BrokerError, type BrokerErrorCode } from '@switchyard/core/adapter'

/** The broker's word in every error of this package. */
export const ADAPTER = 'redis'

/** What the caller knows about the call that failed. */
export interface FailedCall {
  /** What was being done, as in `could not send`. */
  readonly doing: string
  readonly queue?: string
  /** It changes something, so that a lost answer leaves open whether it did. */
  readonly writes: boolean
}

interface Verdict {
  readonly code: BrokerErrorCode
  readonly hint: string
  /** The command may have been carried out. Default false: the server said no, or never got it. */
  readonly open?: boolean
}

/**
 * The one table from native errors to ours; the first row whose pattern matches `code message` decides. Texts are those of
 * Redis 7.0 (server.c, networking.c), ioredis 6.0 and Node.
 */
const TABLE: readonly (readonly [pattern: RegExp, verdict: Verdict])[] = [
  [
    /\b(NOAUTH|WRONGPASS)\b|invalid username-password|Client sent AUTH|AUTH failed/i,
    { code: 'forbidden', hint: 'check user and password' },
  ],
  [/\bNOPERM\b|no permissions/, { code: 'forbidden', hint: 'the ACL of this user lacks a command or key' }],
  [/\bREADONLY\b/, { code: 'read-only', hint: 'this is a replica: connect to the primary' }],
  [/\bMISCONF\b/, { code: 'full', hint: 'Redis cannot write to disk and refuses writes; look at its log' }],
  [/\bOOM\b/, { code: 'full', hint: 'maxmemory is reached: raise it, or drain queues' }],
  [/\bLOADING\b/, { code: 'unavailable', hint: 'Redis is loading its data' }],
  [/\bBUSY\b/, { code: 'throttled', hint: 'Redis runs a long script' }],
  [
    /\b(MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN)\b/,
    { code: 'unavailable', hint: 'the replication or cluster is not complete' },
  ],
  [
    /\b(MOVED|ASK|CROSSSLOT)\b/,
    { code: 'unsupported', hint: 'this is a Redis Cluster node; a single server is needed' },
  ],
  [/\bNOSCRIPT\b/, { code: 'unavailable', hint: 'the script cache was emptied in that moment; try again' }],
  [/max number of clients/i, { code: 'throttled', hint: 'maxclients is reached' }],
  [/\bWRONGTYPE\b/, { code: 'corrupt', hint: 'a key of this queue holds something else; use another `prefix`' }],
  [
    /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO|certificate|wrong version number/,
    {
      code: 'forbidden',
      hint: 'TLS could not be agreed on; check certificates, `tls` and the scheme (redis or rediss)',
    },
  ],
  [
    /DB index is out of range|invalid DB index/,
    { code: 'not-found', hint: 'the server has no database of that number' },
  ],
  [/isn't writeable|enableOfflineQueue/, { code: 'unavailable', hint: 'not connected at the moment' }],
  [/timed out|ETIMEDOUT/, { code: 'unavailable', hint: 'no answer', open: true }],
  [
    /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN)\b/,
    { code: 'unavailable', hint: 'is the server up and reachable from here?' },
  ],
  [
    /max retries per request|Connection is closed|aborted due to connection|^(ECONNRESET|EPIPE)\b/,
    { code: 'unavailable', hint: 'the connection ended', open: true },
  ],
  [/\bUNKILLABLE|script killed|Script killed/, { code: 'unavailable', hint: 'an administrator ended the script' }],
  [/\bEXECABORT\b/, { code: 'unavailable', hint: 'the server refused the transaction' }],
  [/unknown command|NOPROTO/, { code: 'version', hint: 'the server is too old or lacks a command' }],
]

/** The one place where native errors become BrokerErrors. A BrokerError passes through untouched. */
export function toBrokerError(error: unknown, call: FailedCall): BrokerError {
  if (error instanceof BrokerError) return error
  forgetSecrets(error)
  const text = textOf(error)
  const verdict = verdictOf(text)
  return new BrokerError({
    adapter: ADAPTER,
    code: verdict.code,
    message: `could not ${call.doing}: ${verdict.hint} (${text.slice(0, 300)})`,
    ...(call.queue === undefined ? {} : { queue: call.queue }),
    maybeApplied: call.writes && verdict.open === true,
    cause: error,
  })
}

/** Our word for a native error. */
export function codeOf(error: unknown): BrokerErrorCode {
  return error instanceof BrokerError ? error.code : verdictOf(textOf(error)).code
}

/** A script of BullMQ said that the lease is not ours: -1 no job, -2 no lock, -3 not active, -6 somebody else's lock. */
export function saysLost(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | null)?.code
  return code === -1 || code === -2 || code === -3 || code === -6
}

/** A call that got no answer within its deadline. */
export function lateError(deadlineMs: number, { doing, queue, writes }: FailedCall): BrokerError {
  return new BrokerError({
    adapter: ADAPTER,
    code: 'timeout',
    message: `could not ${doing} within ${deadlineMs} ms`,
    ...(queue === undefined ? {} : { queue }),
    maybeApplied: writes,
  })
}

/** A call after close. */
export function closedError(doing: string, queue?: string): BrokerError {
  return new BrokerError({
    adapter: ADAPTER,
    code: 'closed',
    message: `could not ${doing}: it was closed; open a new one`,
    ...(queue === undefined ? {} : { queue }),
  })
}

function verdictOf(text: string): Verdict {
  const found = TABLE.find(([pattern]) => pattern.test(text))
  // whatever the server did not explain leaves it open
  return found?.[1] ?? { code: 'unknown', hint: 'see the cause', open: true }
}

/** ioredis hangs the failed command on its errors, arguments and all: of a login that is the password, of a send the bodies. */
function forgetSecrets(error: unknown): void {
  if (typeof error !== 'object' || error === null) return
  const { command, previousErrors } = error as { command?: unknown; previousErrors?: unknown }
  if (typeof command === 'object' && command !== null && 'args' in command) command.args = []
  if (Array.isArray(previousErrors)) previousErrors.forEach(forgetSecrets)
}

/** Code and message, and what a refused transaction was refused for. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(textOf).join('; ')
  if (!(error instanceof Error)) return String(error)
  const { code, previousErrors } = error as { code?: unknown; previousErrors?: readonly unknown[] }
  const earlier = previousErrors?.map(textOf).join('; ')
  const text = earlier === undefined || earlier === '' ? error.message : `${earlier} (${error.message})`
  return typeof code === 'string' ? `${code} ${text}` : text
}
