import type { SQSClientConfig } from '@aws-sdk/client-sqs'
import { BrokerError } from '@switchyard/core/adapter'

/** Where SQS is, and the few settings that change what the manifest declares. All may be left to the AWS chain. */
export interface SqsOptions {
  /** Default: AWS_REGION, then the profile. */
  readonly region?: string
  /** `http://127.0.0.1:4566` for a local server. Default: AWS_ENDPOINT_URL_SQS, the profile, then the region's own. */
  readonly endpoint?: string
  /** Default: the standard AWS chain (environment, profile, SSO, container, instance). Never part of a URL. */
  readonly credentials?: NonNullable<SQSClientConfig['credentials']>
  /** Put before every queue name, e.g. `staging-`; letters, digits, dash, underscore; at most 40. Default none. */
  readonly prefix?: string
  /** FIFO queues: order keys, but no delay on send and no notes. Default false. */
  readonly fifo?: boolean
  /** How long an idle poll waits, whole seconds in ms, 1 000 to 15 000; default 2 000. `close` waits for it, and a lapse may be this much later; longer costs fewer requests. */
  readonly pollMs?: number
}

/** Options with every default in place. */
export interface Settings {
  readonly region: string | undefined
  readonly endpoint: string | undefined
  readonly credentials: SQSClientConfig['credentials']
  readonly prefix: string
  readonly fifo: boolean
  readonly pollMs: number
}

const OPTION_NAMES: readonly string[] = ['region', 'endpoint', 'credentials', 'prefix', 'fifo', 'pollMs']
const QUERY_NAMES: readonly string[] = ['endpoint', 'prefix', 'fifo', 'pollMs']

/** Checks everything before any I/O. Throws BrokerError `invalid`. */
export function settingsOf(options: SqsOptions): Settings {
  for (const name of Object.keys(options))
    if (!OPTION_NAMES.includes(name))
      throw invalid(`unknown option ${JSON.stringify(name)}; there are ${OPTION_NAMES.join(', ')}`)
  const { region, credentials, prefix = '', fifo = false, pollMs = 2_000 } = options
  if (region !== undefined && !/^[a-z0-9-]{1,40}$/.test(region)) throw invalid('region must look like eu-central-1')
  if (!/^[A-Za-z0-9_-]{0,40}$/.test(prefix)) throw invalid('prefix takes up to 40 of A-Z a-z 0-9 _ -')
  if (typeof fifo !== 'boolean') throw invalid('fifo is true or false')
  if (!Number.isInteger(pollMs / 1_000) || pollMs < 1_000 || pollMs > 15_000)
    throw invalid('pollMs must be whole seconds in ms, from 1000 to 15000')
  return { region, endpoint: endpointOf(options.endpoint), credentials, prefix, fifo, pollMs }
}

/** Reads `sqs://region?endpoint=http://host:port&prefix=…&fifo=true&pollMs=2000`; an empty region is left to the AWS chain. */
export function optionsFromUrl(text: string): SqsOptions {
  // no cause and no quote: keys may stand where they do not belong
  if (!URL.canParse(text)) throw invalid('the URL cannot be read; expected sqs://eu-central-1')
  const url = new URL(text)
  if (url.protocol !== 'sqs:') throw invalid(`the URL scheme must be sqs:, not ${url.protocol}`)
  if (url.username !== '' || url.password !== '')
    throw invalid('keys do not belong into the URL: the AWS chain finds them (environment, profile, role)')
  if (url.port !== '' || !['', '/'].includes(url.pathname))
    throw invalid('the URL names a region, sqs://eu-central-1; another server is ?endpoint=http://host:port')
  for (const name of url.searchParams.keys())
    if (!QUERY_NAMES.includes(name))
      throw invalid(`unknown URL parameter ${JSON.stringify(name)}; there are ${QUERY_NAMES.join(', ')}`)
  const { endpoint, prefix, fifo, pollMs } = Object.fromEntries(url.searchParams)
  if (fifo !== undefined && fifo !== 'true' && fifo !== 'false') throw invalid('fifo is true or false')
  return {
    ...(url.hostname === '' ? {} : { region: url.hostname }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(fifo === undefined ? {} : { fifo: fifo === 'true' }),
    ...(pollMs === undefined ? {} : { pollMs: Number(pollMs) }),
  }
}

function endpointOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw invalid('endpoint must be a URL such as http://127.0.0.1:4566, without user and password')
  return text
}

function invalid(message: string): BrokerError {
  return new BrokerError({ code: 'invalid', adapter: 'sqs', message })
}
