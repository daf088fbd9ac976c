import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { SQSClient } from '@aws-sdk/client-sqs'
import { type AdapterHost, BrokerError, withDeadline } from '@switchyard/core/adapter'
import { ADAPTER, type FailedCall, lateError, toBrokerError } from './errors.ts'
import type { Settings } from './options.ts'

/** One request gets this long. SQS answers within a second; an answer that is lost must leave time to ask again within a lease. */
const REQUEST_MS = 10_000
const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 2_000
/** Requests side by side; the SDK's 50 would make the polls of many consumers wait for each other. */
const SOCKETS = 500

/** What a request is about and how long it may take. */
export interface Call extends FailedCall {
  /** Host clock: no request and no wait goes beyond. Default: `callDeadlineMs` from now. */
  readonly endsAt?: number
  /** For one request; default 10 s. */
  readonly limitMs?: number
  /** Throttling is answered at once instead of waited out. */
  readonly once?: boolean
}

/** One client, its sockets and the requests under way. */
export class Calls {
  readonly client: SQSClient
  readonly host: AdapterHost
  readonly #agents: readonly (HttpAgent | HttpsAgent)[]
  readonly #flying = new Set<Promise<unknown>>()
  #closed = false
  /** What the last answer, or its absence, said about the server. */
  #reachable = false

  constructor(settings: Settings, host: AdapterHost) {
    this.host = host
    const [httpAgent, httpsAgent] = [
      new HttpAgent({ keepAlive: true, maxSockets: SOCKETS }),
      new HttpsAgent({ keepAlive: true, maxSockets: SOCKETS }),
    ]
    this.#agents = [httpAgent, httpsAgent]
    this.client = new SQSClient({
      ...(settings.region === undefined ? {} : { region: settings.region }),
      ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
      ...(settings.credentials === undefined ? {} : { credentials: settings.credentials }),
      // The host in a queue URL is what the server thinks of itself: wrong behind a proxy or a port mapping.
      useQueueUrlAsEndpoint: false,
      // Repeating is decided here and in core: a request that may have been applied is never repeated blindly.
      maxAttempts: 1,
      requestHandler: { httpAgent, httpsAgent },
    })
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Runs one request: refused after close, ended by its deadline, throttling waited out, native errors mapped. */
  async run<Answer>(call: Call, request: (abortSignal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const { clock, callDeadlineMs } = this.host
    const endsAt = call.endsAt ?? clock.now() + callDeadlineMs
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      this.assertOpen(call)
      try {
        const answer = await this.#track(this.#once(call, endsAt, request))
        this.#reachable = true
        return answer
      } catch (error) {
        const fault = toBrokerError(error, call)
        this.#notice(fault)
        if (fault.code !== 'throttled' || call.once === true || clock.now() + waitMs >= endsAt) throw fault
        await clock.sleep(waitMs * (0.5 + clock.random() / 2))
      }
    }
  }

  assertOpen({ doing, queue }: Pick<Call, 'doing' | 'queue'>): void {
    if (!this.#closed) return
    const message = `could not ${doing}: the adapter was closed`
    throw new BrokerError({ code: 'closed', adapter: ADAPTER, ...(queue === undefined ? {} : { queue }), message })
  }

  /** No new request; those under way end first, by their deadlines at the latest. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled([...this.#flying])
    this.client.destroy()
    for (const agent of this.#agents) agent.destroy()
  }

  async #once<Answer>(call: Call, endsAt: number, request: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const { clock } = this.host
    const limitMs = Math.max(0, Math.min(call.limitMs ?? REQUEST_MS, endsAt - clock.now()))
    const abort = new AbortController()
    return withDeadline(clock, limitMs, request(abort.signal), () => {
      abort.abort()
      this.#dropIdleSockets()
      return lateError(limitMs, call)
    })
  }

  /** An outage is reported once, by the first request that meets it. */
  #notice(fault: BrokerError): void {
    const away = fault.code === 'unavailable' || fault.code === 'timeout'
    if (away && this.#reachable) this.host.report(fault)
    this.#reachable = !away
  }

  /** After silence: the other idle connections may be dead the same way, and each would cost a request its whole time. */
  #dropIdleSockets(): void {
    for (const agent of this.#agents)
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
  }

  async #track<Answer>(promise: Promise<Answer>): Promise<Answer> {
    this.#flying.add(promise)
    try {
      return await promise
    } finally {
      this.#flying.delete(promise)
    }
  }
}
