import type { DatabaseSync } from 'node:sqlite'
import type {
  Adapter,
  AdapterHost,
  BrowsePage,
  BrowseResult,
  Capabilities,
  ConsumeOptions,
  Consumer,
  Message,
  QueueSpec,
  QueueStats,
  SendResult,
} from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { Bells } from './bells.ts'
import { browseMessages } from './browse-messages.ts'
import { ExclusiveLease, exclusiveHolder, keptOut } from './exclusive-lease.ts'
import { insertMessage } from './insert-message.ts'
import type { OpenDatabase } from './open-database.ts'
import { purgeQueue } from './purge-queue.ts'
import { queueStats } from './queue-stats.ts'
import { declareQueue, isDeclared, requireQueue } from './queue-table.ts'
import type { QueueRow, Session } from './session.ts'
import { SEND_BATCH, SQLITE_CAPABILITIES } from './sqlite-capabilities.ts'
import { SqliteConsumer } from './sqlite-consumer.ts'
import { inUserTransaction } from './user-transaction.ts'
import { Writer } from './writer.ts'

/** One open database file. Several of them, in one process or many, share nothing but the file. */
export class SqliteAdapter implements Adapter<DatabaseSync> {
  readonly name = 'sqlite'
  readonly capabilities: Capabilities = SQLITE_CAPABILITIES
  readonly #database: OpenDatabase
  readonly #host: AdapterHost
  readonly #bells: Bells
  readonly #writer: Writer
  readonly #consumers = new Set<SqliteConsumer>()
  #closing: Promise<void> | null = null

  constructor(database: OpenDatabase, host: AdapterHost) {
    this.#database = database
    this.#host = host
    this.#bells = new Bells(database, host)
    this.#writer = new Writer(database, host, (queues) => this.#bells.ring(queues))
  }

  async declare(spec: QueueSpec): Promise<void> {
    this.#refuseClosed(spec.name)
    checkDuration(spec.name, 'leaseMs', spec.leaseMs, this.capabilities.minLeaseMs.value)
    checkDuration(spec.name, 'dedupeMs', spec.dedupeMs, 0)
    if (await this.#writer.read('declare', spec.name, (session) => isDeclared(session, spec))) return
    const run = (session: Session) => declareQueue(session, spec)
    await this.#writer.submit({ doing: 'declare', queue: spec.name, full: true, weight: 1, run })
  }

  async send(queue: string, messages: readonly Message[], tx?: DatabaseSync): Promise<readonly SendResult[]> {
    this.#refuseClosed(queue)
    if (messages.length === 0) return []
    const insert = (part: readonly Message[]) => (session: Session, now: number) => {
      const row = requireQueue(session, queue)
      return part.map((message) => insertMessage(session, row, message, now, { moved: false }))
    }
    if (tx !== undefined) return this.#inTransaction(tx, queue, insert(messages))
    const parts = Array.from({ length: Math.ceil(messages.length / SEND_BATCH) }, (_, index) =>
      messages.slice(index * SEND_BATCH, (index + 1) * SEND_BATCH),
    )
    const outcomes = await Promise.allSettled(
      parts.map((part) =>
        this.#writer.submit({ doing: 'send', queue, full: true, weight: part.length, run: insert(part) }),
      ),
    )
    const first = outcomes[0]
    if (first?.status === 'rejected' && outcomes.every(({ status }) => status === 'rejected')) throw first.reason
    // Some transactions committed and some did not: each message gets the answer of its own.
    return outcomes.flatMap((outcome, index) =>
      outcome.status === 'fulfilled' ? outcome.value : (parts[index] ?? []).map(() => outcome.reason as BrokerError),
    )
  }

  async consume(queue: string, options: ConsumeOptions): Promise<Consumer<DatabaseSync>> {
    this.#refuseClosed(queue)
    checkDuration(queue, 'leaseMs', options.leaseMs, this.capabilities.minLeaseMs.value)
    const row = await this.#writer.read('consume', queue, (session, now) => {
      const found = requireQueue(session, queue)
      if (options.exclusive !== true && exclusiveHolder(session, found.id, now) !== null) throw keptOut(queue)
      return found
    })
    const exclusive = options.exclusive === true ? new ExclusiveLease(row.id, queue, this.#writer, this.#host) : null
    await exclusive?.hold()
    this.#refuseClosed(queue)
    const consumer = new SqliteConsumer({
      queue: row.id,
      queueName: queue,
      options,
      exclusive,
      writer: this.#writer,
      bells: this.#bells,
      host: this.#host,
      inTransaction: (tx, run) => this.#inTransaction(tx, queue, run),
      closed: (which) => this.#consumers.delete(which),
    })
    this.#consumers.add(consumer)
    return consumer
  }

  async stats(queue: string): Promise<QueueStats> {
    return this.#read('stats', queue, (session, row, now) => queueStats(session, row.id, now))
  }

  async browse(queue: string, page: BrowsePage): Promise<BrowseResult> {
    return this.#read('browse', queue, (session, row, now) =>
      browseMessages(session, { id: row.id, name: queue }, page, now),
    )
  }

  async purge(queue: string): Promise<void> {
    const { id } = await this.#read('purge', queue, (_session, row) => row)
    await purgeQueue(this.#writer, queue, id)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()))
    await this.#writer.close()
    this.#bells.close()
    this.#database.db.close()
  }

  async #read<Result>(
    doing: string,
    queue: string,
    read: (session: Session, row: QueueRow, now: number) => Result,
  ): Promise<Result> {
    this.#refuseClosed(queue)
    return this.#writer.read(doing, queue, (session, now) => read(session, requireQueue(session, queue), now))
  }

  #inTransaction<Result>(tx: DatabaseSync, queue: string, run: (session: Session, now: number) => Result): Result {
    this.#refuseClosed(queue)
    const { file } = this.#database
    const ring = (queues: ReadonlySet<number>) => {
      if (this.#closing === null) this.#bells.ring(queues)
    }
    return inUserTransaction({ file, host: this.#host, ring }, tx, queue, run)
  }

  #refuseClosed(queue: string): void {
    if (this.#closing !== null) throw this.#writer.closedError(queue)
  }
}

function checkDuration(queue: string, option: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return
  const message = `${option} ${value} is not a whole number of ms from ${least} on`
  throw new BrokerError({ code: 'invalid', adapter: 'sqlite', queue, message })
}
