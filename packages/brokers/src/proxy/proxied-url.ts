import { maskSecrets } from '../mask-secrets.ts'

/** Ports that a broker's address may leave out. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'redis:': 6379,
  'rediss:': 6379,
  'amqp:': 5672,
  'amqps:': 5671,
  'postgres:': 5432,
  'postgresql:': 5432,
  'http:': 80,
  'https:': 443,
}

/** Where a broker's address leads: host and port, for `startProxy({ upstream })`. For `sqs:` it is the endpoint's. */
export function upstreamOf(url: string): { readonly host: string; readonly port: number } {
  const target = new URL(url)
  const endpoint = target.searchParams.get('endpoint')
  if (endpoint !== null) return upstreamOf(endpoint)
  const port = target.port === '' ? DEFAULT_PORTS[target.protocol] : Number(target.port)
  if (target.hostname === '' || port === undefined) throw new Error(`${maskSecrets(url)} names no host and port`)
  return { host: target.hostname, port }
}

/** `url` with host and port replaced by the proxy's. Throws when it does not lead to the proxy's upstream: the faults would hit nothing. */
export function proxiedUrl(
  url: string,
  upstream: { readonly host: string; readonly port: number },
  port: number,
): string {
  const leadsTo = upstreamOf(url)
  if (leadsTo.port !== upstream.port) {
    throw new Error(
      `${maskSecrets(url)} leads to port ${leadsTo.port}, this proxy to ${upstream.host}:${upstream.port}: start one for it`,
    )
  }
  const target = new URL(url)
  const endpoint = target.searchParams.get('endpoint')
  if (endpoint !== null) {
    target.searchParams.set('endpoint', proxiedUrl(endpoint, upstream, port).replace(/\/$/, ''))
    return target.href
  }
  target.hostname = '127.0.0.1'
  target.port = String(port)
  return target.href
}
