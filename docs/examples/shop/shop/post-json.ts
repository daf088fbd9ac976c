import { HttpFailure } from './http-failure.ts'

/** No server may keep us longer. */
const REQUEST_MS = 10_000

/** A request of a job. */
export interface JsonRequest {
  /** For error messages; URLs can carry secrets. */
  readonly what: string
  readonly url: string
  /** JSON text: it is signed byte for byte. */
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  readonly jobId: string
  /** The job's signal: a timeout, a lost lease or a shutdown ends the request, too. */
  readonly signal: AbortSignal
  /** Default 10 s. */
  readonly requestMs?: number
}

/** Posts JSON; throws HttpFailure for any answer but 2xx, and TimeoutError after 10 s, which core takes as ambiguous. */
export async function postJson(request: JsonRequest): Promise<number> {
  const response = await fetch(request.url, {
    method: 'POST',
    body: request.body,
    headers: {
      'content-type': 'application/json',
      'x-shop-job': request.jobId,
      'x-shop-worker': String(process.pid),
      ...request.headers,
    },
    // A redirect would carry a signed body to somebody else.
    redirect: 'manual',
    signal: AbortSignal.any([request.signal, AbortSignal.timeout(request.requestMs ?? REQUEST_MS)]),
  })
  // Read to the end, so that the connection can be used again.
  await response.arrayBuffer()
  if (!response.ok) throw new HttpFailure(request.what, response, Date.now())
  return response.status
}
