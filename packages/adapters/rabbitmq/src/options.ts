import type { ConnectionOptions } from 'node:tls'
import { BrokerError } from '@switchyard/core/adapter'
import type { Options } from 'amqplib'
import { ADAPTER } from './errors.ts'

/** Options of `rabbitmq()`. */
export interface RabbitmqOptions {
  /** `amqp://user:password@host:5672/vhost` or `amqps://…`. Query: `heartbeat` (seconds), `prefix`. */
  readonly url: string
  /** Put before every queue and exchange name, e.g. `staging.`; letters, digits, dot, dash, underscore. Default none. */
  readonly prefix?: string
  /** TLS material and checks, as of `tls.connect`; only with amqps. */
  readonly tls?: ConnectionOptions
  /**
   * Heartbeat in whole seconds (default 10): the server gives back the leases of a vanished worker after two to three of them, and of
   * one whose event loop stood still that long. The client notices a dead server sooner, by a pulse of its own.
   */
  readonly heartbeatSeconds?: number
  /** The server's `consumer_timeout` in ms (RabbitMQ's default: 30 minutes): no lease may last longer. */
  readonly consumerTimeoutMs?: number
  /** Step of the delays in ms (default 10): the shared delay queues are named after it. */
  readonly delayUnitMs?: number
}

/** Validated options. `vhost` is percent-encoded, as amqplib takes it. */
export interface Target {
  readonly connect: Options.Connect
  readonly tls: ConnectionOptions | undefined
  readonly prefix: string
  readonly heartbeatSeconds: number
  readonly consumerTimeoutMs: number
  readonly delayUnitMs: number
  /** For people: no password. */
  readonly label: string
}

/** Checks the options. The URL is never quoted in an error: it may hold a password. @throws BrokerError `invalid` */
export function toTarget(options: RabbitmqOptions): Target {
  const url = parse(options.url)
  const query = Object.fromEntries(url.searchParams)
  for (const name of Object.keys(query)) {
    if (name !== 'heartbeat' && name !== 'prefix')
      throw invalid(`unknown URL parameter ${JSON.stringify(name.slice(0, 40))}; known: heartbeat, prefix`)
  }
  const secure = url.protocol === 'amqps:'
  if (options.tls !== undefined && !secure) throw invalid('option `tls` needs an amqps:// URL')
  const prefix = options.prefix ?? query.prefix ?? ''
  if (!/^[A-Za-z0-9._-]{0,60}$/.test(prefix)) throw invalid('option `prefix` takes up to 60 of A-Z a-z 0-9 . _ -')
  const heartbeatSeconds = whole('heartbeatSeconds', options.heartbeatSeconds ?? Number(query.heartbeat ?? 10), 1, 600)
  const port = url.port === '' ? (secure ? 5671 : 5672) : Number(url.port)
  const user = decode(url.username)
  return {
    connect: {
      protocol: secure ? 'amqps' : 'amqp',
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port,
      vhost: url.pathname.slice(1),
      heartbeat: heartbeatSeconds,
      ...(url.username === '' && url.password === '' ? {} : { username: user, password: decode(url.password) }),
    },
    tls: options.tls,
    prefix,
    heartbeatSeconds,
    consumerTimeoutMs: whole('consumerTimeoutMs', options.consumerTimeoutMs ?? 1_800_000, 1_000, 2 ** 31),
    delayUnitMs: whole('delayUnitMs', options.delayUnitMs ?? 10, 1, 30),
    label: `${url.protocol}//${url.hostname}:${port}`,
  }
}

function parse(text: string): URL {
  let url: URL | undefined
  try {
    url = new URL(text)
  } catch {
    // Falls through: the native error quotes the text, which may hold a password.
  }
  if (url === undefined || !/^amqps?:$/.test(url.protocol) || url.hostname === '' || url.pathname.lastIndexOf('/') > 0)
    throw invalid(
      'option `url` is not an AMQP URL: amqp://user:password@host:5672/vhost (percent-encode special characters)',
    )
  return url
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('user and password in the URL must be percent-encoded')
  }
}

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw invalid(`option \`${name}\` takes a whole number from ${min} to ${max}`)
}

function invalid(message: string): BrokerError {
  return new BrokerError({ adapter: ADAPTER, code: 'invalid', message })
}
