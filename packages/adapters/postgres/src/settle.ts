import { BrokerError, type Delivery, type Message, type Settlement, type SettleResult } from '@switchyard/core/adapter'
import type { CommandResponse, Db } from 'pg-boss'
import type { Context } from './context.ts'
import { parseMicroseconds } from './database.ts'
import { toBrokerError } from './errors.ts'
import { insertMessages } from './producer.ts'
import type { QueueShape, Stored } from './wire.ts'
import { delayRefusal, delayText, MAX_DELAY_MS } from './wire.ts'

/** What names one lease: pg-boss settles exactly the attempt that was fetched. */
export interface Receipt {
  readonly id: string
  readonly retryCount: number
  readonly stored: Stored
  /** The lease that the server knows: fixed when the message was stored. */
  readonly heartbeatMs: number
  /** When the job was stored, epoch ms: an id that was completed and sent again starts its attempts anew. */
  readonly createdMs: number
}

/** Looks inside a delivery of ours; core hands back only what it was given. */
export function receiptOf(delivery: Delivery): Receipt {
  return delivery.receipt as Receipt
}

/** The attempts that a call really touched. `settled` is untyped in pg-boss 12.35 and pinned by test/pinned.test.ts. */
export function settledIds(response: CommandResponse): ReadonlySet<string> {
  const { settled } = response as { settled?: unknown }
  if (Array.isArray(settled)) return new Set(settled as string[])
  throw new BrokerError({
    code: 'version',
    adapter: 'postgres',
    message: 'this pg-boss does not say which jobs it settled; version 12.35.0 is needed',
  })
}

/**
 * The fence of pg-boss is (id, attempt), and an id that was completed, sent again and leased again passes it. So a receipt that
 * may have lapsed is looked at before it is used: renewed if it stands, then compared with the age of the job. Answers with the
 * receipts that are ours.
 */
export async function confirm(
  context: Context,
  queue: string,
  receipts: readonly Receipt[],
  tx: Db | undefined,
): Promise<ReadonlySet<Receipt>> {
  const options = tx === undefined ? {} : { db: tx }
  const ours = new Set<Receipt>()
  for (const receipt of new Set(receipts)) {
    const live = settledIds(await context.boss.touch(queue, [fenceOf(receipt)], options))
    if (!live.has(receipt.id)) continue
    const [job] = await context.boss.findJobs(queue, { id: receipt.id, ...options })
    // drivers round to milliseconds differently; a second life within two of them would have had to lapse first
    if (job !== undefined && Math.abs(epochMs(job.createdOn) - receipt.createdMs) < 2) ours.add(receipt)
  }
  return ours
}

/** `timestamptz` as the user's driver hands it out: a Date, or its text. */
function epochMs(value: unknown): number {
  return value instanceof Date ? value.getTime() : parseMicroseconds(String(value)) / 1_000
}

type PutBack = Extract<Settlement, { kind: 'retry' | 'release' }>
type Move = Extract<Settlement, { kind: 'move' }>
type Answers = Map<Settlement, SettleResult>

/** Settles a batch in the order given, one statement or transaction per kind. Call faults become the result of each item they concern. */
export async function settleAll(
  context: Context,
  shape: QueueShape,
  settlements: readonly Settlement[],
  tx: Db | undefined,
): Promise<readonly SettleResult[]> {
  const answers: Answers = new Map()
  const place: Place = { context, shape, answers, tx }
  for (const round of roundsOf(settlements)) {
    const completes = round.filter(({ kind }) => kind === 'complete')
    const backs = round.filter((one): one is PutBack => one.kind === 'retry' || one.kind === 'release')
    const moves = round.filter((one): one is Move => one.kind === 'move')
    await attempt(place, completes, (db) => end(place, completes, db))
    await attempt(place, backs, (db) => inTransaction(context, db, (own) => putBack(place, backs, own)))
    await attempt(place, moves, (db) => inTransaction(context, db, (own) => move(place, moves, own)))
  }
  return settlements.map((one) => answers.get(one) ?? 'lost')
}

interface Place {
  readonly context: Context
  readonly shape: QueueShape
  readonly answers: Answers
  readonly tx: Db | undefined
}

/** Two receipts of one id never share a statement, whose answer names ids only. */
function roundsOf(settlements: readonly Settlement[]): readonly (readonly Settlement[])[] {
  const rounds: Settlement[][] = []
  const next = new Map<string, number>()
  for (const one of settlements) {
    const { id } = receiptOf(one.delivery)
    const at = next.get(id) ?? 0
    next.set(id, at + 1)
    const round = rounds[at] ?? []
    rounds[at] = round
    round.push(one)
  }
  return rounds
}

async function attempt(
  { answers, shape, tx }: Place,
  group: readonly Settlement[],
  work: (db: Db | undefined) => Promise<ReadonlySet<string>>,
): Promise<void> {
  if (group.length === 0) return
  try {
    const settled = await work(tx)
    for (const one of group) answers.set(one, settled.has(receiptOf(one.delivery).id) ? 'settled' : 'lost')
  } catch (error) {
    const fault = toBrokerError(error, { doing: 'settle', queue: shape.name, writes: true })
    if (tx !== undefined) throw fault // the user's transaction is over
    for (const one of group) answers.set(one, fault)
  }
}

function inTransaction<Value>(context: Context, tx: Db | undefined, work: (db: Db) => Promise<Value>): Promise<Value> {
  return tx === undefined ? context.database.transaction(work) : work(tx)
}

/** Ends jobs for good: deleted, or kept as completed where their ids must stay taken. */
async function end(
  { context, shape }: Place,
  group: readonly Settlement[],
  db: Db | undefined,
): Promise<ReadonlySet<string>> {
  const attempts = group.map(({ delivery }) => fenceOf(receiptOf(delivery)))
  const options = db === undefined ? {} : { db }
  const { boss } = context
  const response = shape.remembers
    ? boss.complete(shape.name, attempts, null, options)
    : boss.deleteJob(shape.name, attempts, options)
  return settledIds(await response)
}

/** `fail` ends the lease; `update`, in the same transaction, says when to come back and what to remember. */
async function putBack({ context, shape }: Place, group: readonly PutBack[], db: Db): Promise<ReadonlySet<string>> {
  const late = group.find(({ delayMs }) => !(delayMs >= 0 && delayMs <= MAX_DELAY_MS))
  if (late !== undefined) throw delayRefusal(late.delayMs, shape.name)
  const attempts = group.map(({ delivery }) => fenceOf(receiptOf(delivery)))
  const settled = settledIds(await context.boss.fail(shape.name, attempts, null, { db }))
  for (const { kind, delivery, delayMs, note } of group) {
    const { id, stored } = receiptOf(delivery)
    if (!settled.has(id)) continue
    const data: Stored = {
      ...stored,
      note: note ?? stored.note,
      tries: stored.tries + (kind === 'retry' ? 1 : 0),
      released: stored.released + (kind === 'release' ? 1 : 0),
    }
    const { updated } = await context.boss.update(shape.name, data, { id, startAfter: delayText(delayMs), db })
    if (updated !== 1) throw new Error(`job ${id} was put back but could not be updated`)
  }
  return settled
}

async function move(place: Place, group: readonly Move[], db: Db): Promise<ReadonlySet<string>> {
  const { context } = place
  const settled = await end(place, group, db)
  const byTarget = Map.groupBy(
    group.filter(({ delivery }) => settled.has(receiptOf(delivery).id)),
    ({ to }) => to,
  )
  for (const [to, moves] of byTarget) {
    const target = await context.queues.shape(to)
    const messages = [...new Map(moves.map(({ message }): [string, Message] => [message.id, message])).values()]
    const stored = await insertMessages(context, target, messages, db)
    // already there (an earlier move whose answer was lost) is as good; a deleted queue is not
    if (stored.size < messages.length) await context.queues.verify(to)
  }
  return settled
}

/** What pg-boss fences by. */
export function fenceOf({ id, retryCount }: Receipt): { readonly id: string; readonly retryCount: number } {
  return { id, retryCount }
}
