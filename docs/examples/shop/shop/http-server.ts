import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request whose body has arrived as a whole. */
export interface WholeRequest {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What a route answers. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
}

/** Answers POST requests of one path. */
export type Route = (request: WholeRequest) => Promise<Answer> | Answer

/** A listening server. */
export interface Listening {
  /** Without a slash at the end. */
  readonly url: string
  close(): Promise<void>
}

/** Largest body that a server of ours reads. */
const MOST_BYTES = 256 * 1024

/** Serves POST routes by path on loopback; port 0 takes a free one. */
export async function startHttpServer(
  routes: Readonly<Record<string, Route>>,
  options: { readonly port?: number } = {},
): Promise<Listening> {
  const server = createServer((request, response) => {
    void serve(routes, request)
      .catch((error: unknown): Answer => ({ status: 500, json: { error: String(error) } }))
      .then((answer) => send(response, answer))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        // Killed workers leave connections open that nobody will end.
        server.closeAllConnections()
      }),
  }
}

async function serve(routes: Readonly<Record<string, Route>>, request: IncomingMessage): Promise<Answer> {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined
  if (route === undefined) return { status: 404 }
  if (request.method !== 'POST') return { status: 405, headers: { allow: 'POST' } }
  const chunks: Buffer[] = []
  let bytes = 0
  // Too much is read to its end, too, but not kept: a connection cut before that could lose the answer on its way.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= MOST_BYTES) chunks.push(chunk)
  }
  if (bytes > MOST_BYTES) return { status: 413, headers: { connection: 'close' } }
  return route({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') })
}

function send(response: ServerResponse, { status, headers, json }: Answer): void {
  if (response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(json ?? {}))
}
