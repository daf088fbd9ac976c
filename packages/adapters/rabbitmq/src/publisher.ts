import { type AdapterHost, BrokerError, type SendResult, withDeadline } from '@switchyard/core/adapter'
import type { ConfirmChannel } from 'amqplib'
import { ADAPTER, lateError, toBrokerError } from './errors.ts'
import type { Link, Session } from './link.ts'
import type { Topology } from './topology.ts'
import type { Outgoing } from './wire.ts'

/** A message and the queue it is for, by the name that users know. */
export interface Parcel extends Outgoing {
  readonly queue: string
}

/**
 * Publishes with mandatory flag and confirm. A returned message is `not-found`; a confirm that never came is unknown: 200 of 200
 * publishes that were told "channel closed" at a cut had been stored (seam.md 3a).
 */
export class Publisher {
  readonly #host: AdapterHost
  /** Publishing has a connection of its own: the server stops reading one that publishes during an alarm, settlements included. */
  readonly #link: Link
  readonly #control: Link
  readonly #topology: Topology
  #channel: { session: Session; opening: Promise<Desk> } | null = null

  constructor(parts: { host: AdapterHost; link: Link; control: Link; topology: Topology }) {
    this.#host = parts.host
    this.#link = parts.link
    this.#control = parts.control
    this.#topology = parts.topology
  }

  /** One result per parcel, in order. Never rejects. */
  async publish(parcels: readonly Parcel[], deadlineMs: number): Promise<SendResult[]> {
    const results: (SendResult | undefined)[] = parcels.map(() => undefined)
    let waitsForAnswer = false
    let expired = false
    const work = async (): Promise<void> => {
      const desk = await this.#desk()
      const answers: Promise<void>[] = []
      for (const [index, parcel] of parcels.entries()) {
        // The caller has been told that the rest was not sent.
        if (expired) return
        try {
          const route =
            parcel.delayMs > 0
              ? await this.#topology.delayed(this.#control, { name: parcel.queue, delayMs: parcel.delayMs })
              : { exchange: '', routingKey: parcel.to }
          if (expired) return
          waitsForAnswer = true
          const { answer, full } = desk.publish(route, parcel)
          answers.push(
            answer.then((result) => {
              results[index] = result
            }),
          )
          if (full) await desk.drained()
        } catch (error) {
          results[index] = toBrokerError(error, { queue: parcel.queue, doing: 'send' })
        }
      }
      await Promise.all(answers)
      if ((await this.#topology.remembered(parcels)) && desk.over())
        for (const [index, { queue }] of parcels.entries())
          if (results[index] === 'accepted') results[index] = endedWhileFresh(queue)
    }
    try {
      await withDeadline(this.#host.clock, deadlineMs, work(), () => lateError(deadlineMs, { doing: 'send' }))
    } catch (error) {
      expired = true
      return parcels.map(
        ({ queue }, index) => results[index] ?? this.#failed(error, { queue, maybeApplied: waitsForAnswer }),
      )
    }
    return results.map(
      (result, index) => result ?? this.#failed(undefined, { queue: parcels[index]?.queue ?? '', maybeApplied: true }),
    )
  }

  /** Whether a queue is there, without a channel error in the server's log when it is not: `mandatory` tells. */
  async exists(native: string): Promise<boolean> {
    const parcel: Parcel = {
      queue: native,
      to: native,
      delayMs: 0,
      content: Buffer.alloc(0),
      properties: { mandatory: true },
    }
    const [answer] = await this.publish([parcel], this.#host.callDeadlineMs / 3)
    if (answer instanceof BrokerError && answer.code !== 'not-found') throw answer
    return answer === 'accepted'
  }

  #failed(error: unknown, { queue, maybeApplied }: { queue: string; maybeApplied: boolean }): BrokerError {
    const code = error instanceof BrokerError ? error.code : 'unknown'
    // Without the prefix of the inner error: ours names the queue.
    const message = (error instanceof Error ? error.message : 'no answer').replace(/^\[[^\]]*\] /, '')
    return new BrokerError({ adapter: ADAPTER, code, queue, message, maybeApplied, cause: error })
  }

  async #desk(): Promise<Desk> {
    const session = await this.#link.acquire('send')
    if (session.blocked !== null)
      throw new BrokerError({
        adapter: ADAPTER,
        code: 'full',
        message: `the server takes no messages at the moment (${session.blocked}); free memory or disk there; nothing was sent`,
      })
    if (this.#channel?.session !== session) {
      const opening = openDesk(session)
      this.#channel = { session, opening }
      const forget = () => {
        if (this.#channel?.opening === opening) this.#channel = null
      }
      opening.then((desk) => desk.ended.then(forget), forget)
    }
    return this.#channel.opening
  }
}

/** One confirm channel, until it ends. */
interface Desk {
  readonly ended: Promise<void>
  over(): boolean
  publish(
    route: { exchange: string; routingKey: string },
    parcel: Parcel,
  ): { answer: Promise<SendResult>; full: boolean }
  /** Resolves when amqplib's write buffer has room again, or the channel ended. */
  drained(): Promise<void>
}

async function openDesk({ model }: Session): Promise<Desk> {
  const channel: ConfirmChannel = await model.createConfirmChannel()
  let reason: unknown
  channel.on('error', (error) => {
    reason = error
  })
  let over = false
  const ended = new Promise<void>((resolve) => {
    channel.on('close', () => {
      over = true
      resolve()
    })
  })
  // The return of a message always comes before its confirm (5 of 5 in 5 000: seam.md 3e). Same route and id, same fate.
  const returned = new Map<string, number>()
  const key = (exchange: string, routingKey: string, id: unknown) => `${exchange}\n${routingKey}\n${id}`
  channel.on('return', ({ fields, properties }) => {
    const name = key(fields.exchange, fields.routingKey, properties.messageId)
    returned.set(name, (returned.get(name) ?? 0) + 1)
  })
  const takeReturned = (name: string): boolean => {
    const count = returned.get(name)
    if (count === undefined) return false
    if (count === 1) returned.delete(name)
    else returned.set(name, count - 1)
    return true
  }

  return {
    ended,
    over: () => over,
    publish({ exchange, routingKey }, { queue, content, properties }) {
      let full = false
      const answer = new Promise<SendResult>((resolve) => {
        const name = key(exchange, routingKey, properties.messageId)
        const confirmed = (error: unknown) => {
          if (error !== null && error !== undefined)
            resolve(toBrokerError(reason ?? error, { queue, doing: 'send', maybeApplied: true }))
          else if (takeReturned(name))
            resolve(
              new BrokerError({
                adapter: ADAPTER,
                code: 'not-found',
                queue,
                message: 'the queue does not exist; declare it first',
              }),
            )
          else resolve('accepted')
        }
        try {
          full = !channel.publish(exchange, routingKey, content, properties, confirmed)
        } catch (error) {
          // Thrown before anything was written: a closed channel, or a property that AMQP cannot hold.
          resolve(toBrokerError(error, { queue, doing: 'send' }))
        }
      })
      return { answer, full }
    },
    drained: () => Promise.race([ended, new Promise<void>((resolve) => channel.once('drain', () => resolve()))]),
  }
}

function endedWhileFresh(queue: string): BrokerError {
  return new BrokerError({
    adapter: ADAPTER,
    code: 'unavailable',
    queue,
    message: 'the connection ended while the queue was so new that a killed server forgets it, with what was stored',
    maybeApplied: true,
  })
}
