import { BrokerError, type BrokerErrorCode } from '@switchyard/core/adapter'

/** The broker's word in every error of this package. */
export const ADAPTER = 'rabbitmq'

/** What the caller knows about the call that failed. */
export interface FailedCall {
  readonly queue?: string
  /** What was being done, for people: `declare the queue`. */
  readonly doing: string
  /** The broker may have carried it out although no answer came. Default false. */
  readonly maybeApplied?: boolean
}

interface Verdict {
  readonly code: BrokerErrorCode
  readonly hint: string
  readonly retryable?: boolean
}

/**
 * The one table from native errors to ours. Order matters: the first row whose test holds decides. Reply codes are those of
 * AMQP 0-9-1 (rabbitmq.com/amqp-0-9-1-reference, "Constants"); texts are those of RabbitMQ 3.10.8 and amqplib 2.3.1.
 */
const TABLE: readonly (readonly [test: (code: unknown, text: string) => boolean, verdict: Verdict])[] = [
  [
    (_, text) => /in exclusive use|RESOURCE_LOCKED/.test(text),
    { code: 'conflict', hint: 'another consumer uses the queue exclusively' },
  ],
  // 404 also means "its leader is not up yet": only "no queue" and "no exchange" mean that it is missing.
  [
    (_, text) => /NOT_FOUND - no (queue|exchange)/.test(text),
    { code: 'not-found', hint: 'it does not exist; declare it first' },
  ],
  [(code) => code === 404, { code: 'unavailable', hint: 'the queue exists but has no leader at the moment' }],
  [
    (_, text) => /access to vhost|vhost .* not found|Expected ConnectionOpenOk/.test(text),
    { code: 'forbidden', hint: 'the virtual host is missing or not open to this user' },
  ],
  [
    (code, text) => code === 403 || /ACCESS[-_]REFUSED/.test(text),
    { code: 'forbidden', hint: 'check user, password and permissions' },
  ],
  [(_, text) => /SASL mechanism/.test(text), { code: 'forbidden', hint: 'the server offers no common way to log in' }],
  [
    (_, text) => /message size|CONTENT_TOO_LARGE/.test(text),
    { code: 'too-large', hint: "the body exceeds the server's max_message_size" },
  ],
  [
    (_, text) => /inequivalent arg/.test(text),
    {
      code: 'exists',
      hint: 'a queue or exchange of that name exists with other properties; delete it or set the `prefix` option',
    },
  ],
  [
    (_, text) => /delivery acknowledgement.*timed out/.test(text),
    { code: 'timeout', hint: "a lease outlasted the server's consumer_timeout" },
  ],
  [(code) => code === 506, { code: 'full', hint: 'the server is short of resources' }],
  [(code) => code === 540, { code: 'unsupported', hint: 'the server does not implement this' }],
  [(_, text) => /message nacked/.test(text), { code: 'unavailable', hint: 'the queue could not store the message' }],
  [
    (code, text) => isTls(code, text),
    { code: 'forbidden', hint: 'TLS could not be agreed on; check certificates and the `tls` option' },
  ],
  [
    (code) => typeof code === 'string' && /^E[A-Z_]+$/.test(code) && !code.startsWith('ERR_'),
    { code: 'unavailable', hint: 'the server cannot be reached' },
  ],
  [(code) => code === 320 || code === 541, { code: 'unavailable', hint: 'the server closed the connection' }],
  [
    (_, text) =>
      /ETIMEDOUT|Heartbeat timeout|[Ss]ocket closed|Unexpected close|[Cc]hannel clos|Channel ended|Connection clos|no reply/.test(
        text,
      ),
    { code: 'unavailable', hint: 'the connection ended' },
  ],
]

function isTls(code: unknown, text: string): boolean {
  return (
    (typeof code === 'string' && /CERT|^ERR_TLS|^ERR_SSL|^EPROTO$|SELF_SIGNED|UNABLE_TO/.test(code)) ||
    /certificate|wrong version number/.test(text)
  )
}

/** Maps whatever amqplib threw. The native error becomes the cause; its text carries no credentials (amqplib puts none in). */
export function toBrokerError(error: unknown, call: FailedCall): BrokerError {
  if (error instanceof BrokerError) return error
  const text = error instanceof Error ? error.message : String(error)
  const code = (error as { code?: unknown } | null)?.code
  const verdict = TABLE.find(([test]) => test(code, text))?.[1] ?? { code: 'unknown', hint: 'see the cause' }
  return new BrokerError({
    adapter: ADAPTER,
    code: verdict.code,
    message: `could not ${call.doing}: ${verdict.hint} (${text.slice(0, 300)})`,
    ...(call.queue === undefined ? {} : { queue: call.queue }),
    maybeApplied: call.maybeApplied ?? false,
    cause: error,
  })
}

/** A call that got no answer within its deadline. */
export function lateError(deadlineMs: number, { queue, doing, maybeApplied = true }: FailedCall): BrokerError {
  return new BrokerError({
    adapter: ADAPTER,
    code: 'timeout',
    message: `no answer within ${deadlineMs} ms to: ${doing}`,
    ...(queue === undefined ? {} : { queue }),
    maybeApplied,
  })
}

/** A transaction handed to a broker that has none: refused before anything is sent. */
export function refuseTx(queue: string, tx: unknown): void {
  if (tx === undefined) return
  throw new BrokerError({
    code: 'unsupported',
    adapter: ADAPTER,
    queue,
    message: 'RabbitMQ cannot take part in a transaction of a database: leave out `tx`, or use an outbox table',
  })
}

/** A call after close. */
export function closedError(what: string, queue?: string): BrokerError {
  return new BrokerError({
    adapter: ADAPTER,
    code: 'closed',
    message: `${what} is closed; open a new one`,
    ...(queue === undefined ? {} : { queue }),
  })
}
