import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type QueueAttributeName,
} from '@aws-sdk/client-sqs'
import { BrokerError, type QueueSpec } from '@switchyard/core/adapter'
import type { Calls } from './calls.ts'
import { MAX_MESSAGE_BYTES, MAX_VISIBILITY_MS, RETENTION_MS } from './capabilities.ts'
import { refusal } from './errors.ts'
import type { Settings } from './options.ts'
import { wholeSeconds } from './wire.ts'

/** Names, addresses and properties of queues. */
export class Queues {
  readonly #calls: Calls
  readonly #settings: Settings
  readonly #urls = new Map<string, Promise<string>>()

  constructor(calls: Calls, settings: Settings) {
    this.#calls = calls
    this.#settings = settings
  }

  /** `payments.high` -> `<prefix>payments_high`, and `.fifo` behind it where SQS wants that. Injective: our names have no `_`. */
  nativeName(queue: string): string {
    const { prefix, fifo } = this.#settings
    const name = `${prefix}${queue.replaceAll('.', '_')}${fifo ? '.fifo' : ''}`
    if (name.length <= 80) return name
    throw refusal(
      'invalid',
      queue,
      `its name in SQS, ${name}, has ${name.length} characters; 80 at most. Shorten it or the prefix`,
    )
  }

  /** Its address, asked for once. Rejects with `not-found`. */
  url(queue: string, endsAt?: number): Promise<string> {
    const known = this.#urls.get(queue)
    if (known !== undefined) return known
    const asked = this.#find(queue, endsAt)
    this.#urls.set(queue, asked)
    asked.catch(() => this.#urls.delete(queue))
    return asked
  }

  /** A call said that it is gone: ask again next time. */
  forget(queue: string): void {
    this.#urls.delete(queue)
  }

  /** Creates it, or finds it and holds it to what the manifest says about every queue. */
  async declare({ name, leaseMs, ordered }: QueueSpec): Promise<void> {
    const { fifo } = this.#settings
    if (ordered && !fifo)
      throw refusal('unsupported', name, 'order keys need FIFO queues: set the `fifo` option, or ?fifo=true')
    const endsAt = this.#calls.host.clock.now() + this.#calls.host.callDeadlineMs
    this.forget(name)
    const found = await this.url(name, endsAt).catch((error: unknown) => {
      if (error instanceof BrokerError && error.code === 'not-found') return null
      throw error
    })
    if (found === null && (await this.#create(name, leaseMs, endsAt))) return
    await this.#check(name, await this.url(name, endsAt), endsAt)
  }

  async #find(queue: string, endsAt: number | undefined): Promise<string> {
    const QueueName = this.nativeName(queue)
    const call = { doing: 'find the queue', queue, writes: false, ...(endsAt === undefined ? {} : { endsAt }) }
    const { QueueUrl } = await this.#calls.run(call, (abortSignal) =>
      this.#calls.client.send(new GetQueueUrlCommand({ QueueName }), { abortSignal }),
    )
    if (QueueUrl === undefined) throw refusal('unknown', queue, 'the server named no address for it')
    return QueueUrl
  }

  /** False: somebody else made it meanwhile, with other properties. */
  async #create(queue: string, leaseMs: number, endsAt: number): Promise<boolean> {
    const Attributes: Partial<Record<QueueAttributeName, string>> = {
      MessageRetentionPeriod: String(RETENTION_MS / 1_000),
      MaximumMessageSize: String(MAX_MESSAGE_BYTES),
      VisibilityTimeout: String(Math.min(wholeSeconds(leaseMs), MAX_VISIBILITY_MS / 1_000)),
      ...(this.#settings.fifo ? { FifoQueue: 'true' } : {}),
    }
    const QueueName = this.nativeName(queue)
    try {
      const { QueueUrl } = await this.#calls.run(
        { doing: 'create the queue', queue, writes: true, endsAt },
        (abortSignal) => this.#calls.client.send(new CreateQueueCommand({ QueueName, Attributes }), { abortSignal }),
      )
      if (QueueUrl !== undefined) this.#urls.set(queue, Promise.resolve(QueueUrl))
      return true
    } catch (error) {
      if (error instanceof BrokerError && error.code === 'exists') return false
      throw error
    }
  }

  /** A queue that drops messages earlier than declared, or moves them away by itself, is refused rather than trusted. */
  async #check(queue: string, QueueUrl: string, endsAt: number): Promise<void> {
    const AttributeNames: QueueAttributeName[] = ['MessageRetentionPeriod', 'MaximumMessageSize', 'RedrivePolicy']
    const { Attributes } = await this.#calls.run(
      { doing: 'look at the queue', queue, writes: false, endsAt },
      (abortSignal) =>
        this.#calls.client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }), { abortSignal }),
    )
    const wrong = [
      ...below(Attributes?.MessageRetentionPeriod, RETENTION_MS / 1_000, 'MessageRetentionPeriod'),
      ...below(Attributes?.MaximumMessageSize, MAX_MESSAGE_BYTES, 'MaximumMessageSize'),
      ...((Attributes?.RedrivePolicy ?? '') === ''
        ? []
        : ['RedrivePolicy must be absent: it takes jobs away behind our back']),
    ]
    if (wrong.length > 0)
      throw refusal(
        'exists',
        queue,
        `${this.nativeName(queue)} exists with other properties: ${wrong.join('; ')}. Change them (aws sqs set-queue-attributes), or set a \`prefix\``,
      )
  }
}

function below(value: string | undefined, wanted: number, name: string): readonly string[] {
  return value !== undefined && Number(value) < wanted ? [`${name} is ${value}, needed ${wanted}`] : []
}
