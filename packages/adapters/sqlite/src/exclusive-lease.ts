import type { AdapterHost, Cancel } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import type { Session } from './session.ts'
import type { Writer } from './writer.ts'

/** How long a queue stays reserved after its exclusive consumer died. */
export const EXCLUSIVE_MS = 5_000

const HOLDER = 'SELECT token, expires FROM switchyard_exclusive WHERE queue = ?'
const TAKE = 'INSERT OR REPLACE INTO switchyard_exclusive (queue, token, expires) VALUES (?, ?, ?)'
const LEAVE = 'DELETE FROM switchyard_exclusive WHERE queue = ? AND token = ?'

/** Who keeps everybody else out, and until when; null when nobody does. */
export function exclusiveHolder(session: Session, queue: number, now: number): { token: string; until: number } | null {
  const row = session.get(HOLDER, queue)
  if (row === undefined || Number(row.expires) <= now) return null
  return { token: String(row.token), until: Number(row.expires) }
}

/** BrokerError `conflict`: the queue is somebody else's for now. */
export function keptOut(queueName: string): BrokerError {
  return new BrokerError({
    code: 'conflict',
    adapter: 'sqlite',
    queue: queueName,
    message: `another consumer has this queue to itself: try again when it is closed, or ${EXCLUSIVE_MS} ms after its process died`,
  })
}

/**
 * Keeps every other consumer out of a queue for as long as it is renewed. Claims check the row inside their own transaction, so a
 * holder that froze beyond its time takes nothing more once somebody else holds the queue.
 */
export class ExclusiveLease {
  readonly token: string
  readonly #queue: number
  readonly #queueName: string
  readonly #writer: Writer
  readonly #host: AdapterHost
  #renewal: Cancel | null = null
  #left = false
  #ousted: BrokerError | null = null
  /** Called once when the queue turns out to be somebody else's. */
  onOusted: () => void = () => {}

  constructor(queue: number, queueName: string, writer: Writer, host: AdapterHost) {
    this.token = Buffer.from(host.clock.randomBytes(16)).toString('hex')
    this.#queue = queue
    this.#queueName = queueName
    this.#writer = writer
    this.#host = host
  }

  /** Takes or renews the row; BrokerError `conflict` when it is somebody else's. */
  async hold(): Promise<void> {
    await this.#writer.submit({
      doing: 'exclusive consume',
      queue: this.#queueName,
      full: false,
      weight: 1,
      run: (session, now) => this.renew(session, now),
    })
    this.#scheduleRenewal()
  }

  /** Inside a transaction: makes sure that the queue is ours, or throws BrokerError `conflict`. */
  renew(session: Session, now: number): void {
    const holder = exclusiveHolder(session, this.#queue, now)
    if (holder !== null && holder.token !== this.token) throw keptOut(this.#queueName)
    session.run(TAKE, this.#queue, this.token, now + EXCLUSIVE_MS)
  }

  /** Why this consumer can never deliver again; null while the queue is ours. */
  get ousted(): BrokerError | null {
    return this.#ousted
  }

  /** Lets others in again. */
  async leave(): Promise<void> {
    this.#left = true
    this.#renewal?.()
    await this.#writer.submit({
      doing: 'close',
      queue: this.#queueName,
      full: false,
      weight: 1,
      run: (session) => {
        session.run(LEAVE, this.#queue, this.token)
        session.rings.add(this.#queue)
      },
    })
  }

  #scheduleRenewal(): void {
    if (this.#left) return
    this.#renewal = this.#host.clock.schedule(EXCLUSIVE_MS / 3, () => {
      this.hold().catch((error: unknown) => this.#renewalFailed(error))
    })
  }

  #renewalFailed(error: unknown): void {
    if (!(error instanceof BrokerError) || error.code === 'closed') return
    this.#host.report(error)
    if (error.code === 'conflict') {
      this.#ousted = error
      this.onOusted()
    } else this.#scheduleRenewal()
  }
}
