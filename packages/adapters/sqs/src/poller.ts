import { ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { BrokerError, type Delivery } from '@switchyard/core/adapter'
import { BATCH } from './capabilities.ts'
import { toBrokerError } from './errors.ts'
import type { Leases } from './leases.ts'
import type { Context } from './send.ts'
import { changeVisibility } from './visibility.ts'
import { fromNative, type Received, SYSTEM_ATTRIBUTES, wholeSeconds } from './wire.ts'

/** An answer later than this after its wait is not coming: the connection is dead. Jobs must flow within 15 s of the server's return. */
const SILENCE_MS = 7_000
const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 2_000
/** What a parked poll brings while nobody receives is kept this long: others may want it. */
const PARKED_MS = 1_000
/** Polls beside the first one, for one take. */
const MOST_POLLS = 16

/** Takes messages of one queue: one long poll while idle, as many short ones beside it as demand has tens. */
export class Poller {
  readonly #context: Context
  readonly #queue: string
  readonly #leases: Leases
  /** What is asked of the server: a message may be leased at the end of a poll, and its lease counts from then on. */
  readonly #visibilityMs: number

  /** Whether somebody waits for what comes. */
  readonly #wanted: () => boolean

  constructor(context: Context, queue: string, leaseMs: number, parts: { leases: Leases; wanted: () => boolean }) {
    this.#context = context
    this.#queue = queue
    this.#leases = parts.leases
    this.#wanted = parts.wanted
    this.#visibilityMs = wholeSeconds(leaseMs + context.settings.pollMs) * 1_000
  }

  /**
   * One long poll, and more when it came back full. Resolves empty when nothing came. Faults that may pass are reported once and
   * waited out; others reject. Never aborts a request: what it leased would be hidden until its lease ends (30 of 30, seam.md 4).
   */
  async take(max: number, stop: AbortSignal): Promise<readonly Delivery[]> {
    const { clock, random } = {
      clock: this.#context.calls.host.clock,
      random: () => this.#context.calls.host.clock.random(),
    }
    for (let waitMs = 0; !stop.aborted; ) {
      try {
        return await this.#burst(max)
      } catch (error) {
        const fault = toBrokerError(error, { doing: 'receive', queue: this.#queue, writes: false })
        if (!fault.retryable) throw fault
        if (waitMs === 0 && fault.code === 'throttled') this.#context.calls.host.report(fault) // outages: Calls
        waitMs = waitMs === 0 ? FIRST_WAIT_MS : Math.min(2 * waitMs, LONGEST_WAIT_MS)
        await clock.sleep(waitMs * (0.5 + random() / 2), stop)
      }
    }
    return []
  }

  async #burst(max: number): Promise<readonly Delivery[]> {
    // FIFO: several of one group may come in one answer, but only one of them may be worked on. One at a time keeps that.
    const size = this.#context.settings.fifo ? 1 : BATCH
    const first = await this.#poll(Math.min(max, size), this.#context.settings.pollMs)
    if (first.asked > first.came || max <= size) return first.deliveries
    const more = Array.from({ length: Math.min(MOST_POLLS, Math.ceil((max - size) / size)) }, (_, index) =>
      this.#poll(Math.min(size, max - size * (index + 1)), 0).then(
        ({ deliveries }) => deliveries,
        () => [], // the next take meets the same fault and tells
      ),
    )
    return [...first.deliveries, ...(await Promise.all(more)).flat()]
  }

  async #poll(
    asked: number,
    waitMs: number,
  ): Promise<{ readonly deliveries: readonly Delivery[]; readonly asked: number; readonly came: number }> {
    const { calls, queues } = this.#context
    const { clock } = calls.host
    const queue = this.#queue
    const QueueUrl = await queues.url(queue)
    const requestedAt = clock.now()
    const limitMs = waitMs + SILENCE_MS
    const call = { doing: 'receive', queue, writes: false, once: true, limitMs, endsAt: requestedAt + limitMs }
    const { Messages = [] } = await calls
      .run(call, (abortSignal) =>
        calls.client.send(
          new ReceiveMessageCommand({
            QueueUrl,
            MaxNumberOfMessages: asked,
            WaitTimeSeconds: waitMs / 1_000,
            VisibilityTimeout: this.#visibilityMs / 1_000,
            MessageSystemAttributeNames: [...SYSTEM_ATTRIBUTES],
            MessageAttributeNames: ['All'],
          }),
          { abortSignal },
        ),
      )
      .catch((error: unknown) => {
        if (error instanceof BrokerError && error.code === 'not-found') queues.forget(queue)
        throw error
      })
    const now = clock.now()
    // Leased for one poll longer than core knows: counted from here, the whole lease is still to come.
    const leasedAt = Math.min(now, requestedAt + this.#context.settings.pollMs)
    const received = Messages.map(fromNative)
    const early = received.filter(({ dueAt }) => dueAt > now)
    if (early.length > 0) await this.#park(early, now)
    const backAt = this.#wanted() ? requestedAt + this.#visibilityMs / 2 : now + PARKED_MS
    const times = { requestedAt, leasedAt, visibilityMs: this.#visibilityMs, backAt }
    const deliveries = received
      .filter(({ dueAt }) => dueAt <= now)
      .map((one) => this.#leases.add(one, times, this.#lapses(one)).delivery)
    return { deliveries, asked, came: received.length }
  }

  /** Copies with a delay beyond 15 minutes wait out the rest here. One whose answer is lost comes again when its lease ends. */
  async #park(early: readonly Received[], now: number): Promise<void> {
    const changes = early.map(({ handle, dueAt }) => ({ handle, seconds: wholeSeconds(dueAt - now) }))
    const order = { queue: this.#queue, changes, endsAt: now + this.#visibilityMs, doing: 'wait on' }
    for (const answer of await changeVisibility(this.#context, order))
      if (answer instanceof BrokerError) this.#context.calls.host.report(answer)
  }

  #lapses({ receives }: Received): number | null {
    return this.#context.settings.fifo ? null : receives - 1
  }
}
