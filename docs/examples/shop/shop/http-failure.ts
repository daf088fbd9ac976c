/** We come back at least this often, however long a server asks us to stay away. */
const MOST_RETRY_AFTER_MS = 15 * 60_000

/**
 * An HTTP answer that is not a success. Core reads `status` (is it worth another attempt?) and `retryAfterMs` (when?).
 */
export class HttpFailure extends Error {
  readonly status: number
  readonly retryAfterMs?: number

  constructor(what: string, response: Response, nowMs: number) {
    super(`${what} answered ${response.status}`)
    this.name = 'HttpFailure'
    this.status = response.status
    const asked = retryAfter(response.headers.get('retry-after'), nowMs)
    if (asked !== null) this.retryAfterMs = Math.min(asked, MOST_RETRY_AFTER_MS)
  }
}

/** Seconds or a date (RFC 9110 10.2.3), in ms from now. */
function retryAfter(value: string | null, nowMs: number): number | null {
  if (value === null) return null
  if (/^\d+$/.test(value.trim())) return Number(value) * 1_000
  const date = Date.parse(value)
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs)
}
