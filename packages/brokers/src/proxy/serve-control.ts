import { createServer, type IncomingMessage } from 'node:http'
import type { CutKind, Direction, FaultProxy } from './fault-proxy.ts'

/** The HTTP side of a proxy. */
export interface ProxyControl extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  close(): Promise<void>
}

type Body = Readonly<Record<string, unknown>>

/** The commands: `POST /<name>` with a JSON object. `cut` and `half-open` take `connection` (a number) to mean that one only. */
const COMMANDS: Readonly<Record<string, (proxy: FaultProxy, body: Body) => unknown>> = {
  cut: (proxy, body) => ({ cut: proxy.cut({ how: cutKind(body.how ?? 'rst'), ...only(body) }) }),
  refuse: (proxy) => proxy.refuse(),
  hang: (proxy) => proxy.hang(),
  'half-open': (proxy, body) =>
    proxy.halfOpen(body.direction === 'both' ? 'both' : direction(body.direction), only(body)),
  delay: (proxy, body) => proxy.delay(number(body, 'ms')),
  slice: (proxy, body) => proxy.slice(number(body, 'bytes')),
  limit: (proxy, body) => proxy.limit(number(body, 'bytesPerSecond')),
  'cut-after': (proxy, body) =>
    proxy.cutAfter(number(body, 'bytes'), direction(body.direction), {
      how: cutKind(body.how ?? 'rst'),
      ...only(body),
    }),
  restore: (proxy) => proxy.restore(),
}

/**
 * Lets another process drive the proxy: `GET /` tells port, faults and connections; `POST /<command>` changes them. On 127.0.0.1 only, and only
 * for requests that name it so (a web page cannot reach it through a name of its own). It does not close the proxy.
 */
export async function serveControl(proxy: FaultProxy, options: { readonly port?: number } = {}): Promise<ProxyControl> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    handle(proxy, request).then(
      (body) => answer(200, body),
      (error: unknown) => answer(400, { error: error instanceof Error ? error.message : String(error) }),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: options.port ?? 0, host: '127.0.0.1' }, resolve)
  })
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url: `http://127.0.0.1:${port}`, close, [Symbol.asyncDispose]: close }
}

async function handle(proxy: FaultProxy, request: IncomingMessage): Promise<unknown> {
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')) throw new Error('ask for 127.0.0.1')
  const name = (request.url ?? '/').slice(1)
  if (request.method === 'GET' && name === '') return state(proxy)
  const command = COMMANDS[name]
  if (request.method !== 'POST' || command === undefined) {
    throw new Error(`GET / or POST one of: ${Object.keys(COMMANDS).join(', ')}`)
  }
  let text = ''
  for await (const part of request) text += String(part)
  const body: unknown = text === '' ? {} : JSON.parse(text)
  if (typeof body !== 'object' || body === null) throw new Error('the body is a JSON object')
  return (await command(proxy, body as Body)) ?? state(proxy)
}

function state(proxy: FaultProxy): unknown {
  const connections = proxy.connections.map(({ id, openedAt, bytes, swallowed }) => ({
    id,
    openedAt,
    bytes,
    swallowed,
  }))
  return { port: proxy.port, faults: proxy.faults, connections }
}

function only(body: Body): { only?: (connection: { readonly id: number }) => boolean } {
  return body.connection === undefined ? {} : { only: ({ id }) => id === body.connection }
}

function number(body: Body, name: string): number {
  const value = body[name]
  if (typeof value !== 'number') throw new Error(`${name} has to be a number`)
  return value
}

function direction(value: unknown): Direction {
  if (value === 'client->server' || value === 'server->client') return value
  throw new Error(`direction has to be client->server or server->client`)
}

function cutKind(value: unknown): CutKind {
  if (value === 'rst' || value === 'fin') return value
  throw new Error(`how has to be rst or fin`)
}
