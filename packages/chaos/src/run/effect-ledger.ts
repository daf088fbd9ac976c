import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HistorySink } from '@switchyard/conformance/history'

/** One effect, as the owner of a sink saw it. */
export interface SeenEffect {
  readonly sink: string
  /** What must happen once; taken from the content of the request. */
  readonly key: string
  /** The idempotency key that came with it, or null. */
  readonly token: string | null
  readonly job: string | null
  readonly pid: number | null
}

/** Where every sink of the harness reports what reached it. */
export interface EffectRecorder {
  /**
   * Writes the effect down and says whether it is applied (false: its token was seen before, so change nothing). Resolves when
   * the sink may answer; the fault of the plan may strike before.
   */
  record(effect: SeenEffect): Promise<boolean>
}

/** Called after an effect is on record and before its sink answers. */
export type AfterEffect = (effect: SeenEffect) => Promise<void>

/** Writes effects with the harness's own clock into the harness's own file: no worker can forget, invent or date one. */
export function effectRecorder(history: HistorySink, after: AfterEffect): EffectRecorder {
  const tokens = new Set<string>()
  return {
    async record(effect) {
      const id = JSON.stringify([effect.sink, effect.token])
      const applied = effect.token === null || !tokens.has(id)
      if (effect.token !== null) tokens.add(id)
      history.write({ kind: 'effect', ...effect, applied })
      await after(effect)
      return applied
    },
  }
}

/** A running ledger. */
export interface EffectLedger {
  /** `http://127.0.0.1:PORT`; effects are posted to it as JSON. */
  readonly url: string
  close(): Promise<void>
}

/** Nobody needs more for an effect. */
const MAX_BODY_BYTES = 64 * 1024

/**
 * The plainest sink: `POST /effects {"sink","key","token","job","pid"}` on loopback is applied once per token and
 * answered with `{"applied":boolean}`. Without a token it is applied every time, as a careless API would.
 */
export async function startLedger(recorder: EffectRecorder): Promise<EffectLedger> {
  const server = createServer((request, response) => {
    serve(recorder, request, response).catch((error: unknown) => answer(response, 500, { error: String(error) }))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => closeServer(server) }
}

async function serve(recorder: EffectRecorder, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST' || request.url !== '/effects') return answer(response, 404, { error: 'POST /effects' })
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) return answer(response, 413, { error: `more than ${MAX_BODY_BYTES} bytes` })
    chunks.push(chunk)
  }
  const effect = readEffect(Buffer.concat(chunks).toString('utf8'))
  if (effect === null) return answer(response, 400, { error: 'need {"sink","key","token","job","pid"}' })
  answer(response, 200, { applied: await recorder.record(effect) })
}

/** A half-received or malformed request is no effect. */
function readEffect(body: string): SeenEffect | null {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { sink = 'ledger', key, token = null, job = null, pid = null } = value as Record<string, unknown>
  const textOrNull = (field: unknown): field is string | null => field === null || typeof field === 'string'
  if (typeof sink !== 'string' || typeof key !== 'string' || !textOrNull(token) || !textOrNull(job)) return null
  if (pid !== null && !(Number.isSafeInteger(pid) && (pid as number) > 0)) return null
  return { sink, key, token, job, pid: pid as number | null }
}

function answer(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
  response.end(JSON.stringify(body))
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    // A killed worker leaves half-open connections; waiting for them would hang the harness.
    server.closeAllConnections()
  })
}
