import { BrokerError, type Message, type SendResult } from '@switchyard/core/adapter'
import type { Db } from 'pg-boss'
import { MAX_BODY_BYTES, SEND_BATCH } from './capabilities.ts'
import { Coalescer } from './coalescer.ts'
import { type Context, type PostgresTx, runCall, toDb } from './context.ts'
import { toBrokerError } from './errors.ts'
import type { QueueShape } from './wire.ts'
import { delayRefusal, keyText, MAX_DELAY_MS, toInsert } from './wire.ts'

/** Bytes of bodies in one INSERT; a larger batch is split. */
const BATCH_BYTES = 16 * 1_024 * 1_024

/** Messages with their place in the caller's list. */
type Placed = readonly { readonly message: Message; readonly place: number }[]

/** Stores messages; one answer per message. Single sends that come while others are under way share statements. */
export function send(
  context: Context,
  queue: string,
  messages: readonly Message[],
  tx: PostgresTx | undefined,
): Promise<readonly SendResult[]> {
  return runCall(context, { doing: 'send', queue, writes: true }, async () => {
    if (tx !== undefined) return sendAll(context, queue, messages, toDb(tx))
    await context.queues.shape(queue) // a queue that is not there fails here, and leaves nothing behind
    let sender = context.senders.get(queue)
    if (sender === undefined) {
      sender = new Coalescer(SEND_BATCH, (merged) => sendAll(context, queue, merged, undefined))
      context.senders.set(queue, sender)
    }
    return sender.add(messages)
  })
}

async function sendAll(
  context: Context,
  queue: string,
  messages: readonly Message[],
  db: Db | undefined,
): Promise<readonly SendResult[]> {
  const shape = await context.queues.shape(queue)
  const results: SendResult[] = []
  const good = messages.flatMap((message, place) => {
    const refusal = refusalOf(message, shape)
    if (refusal !== undefined) results[place] = refusal
    return refusal === undefined ? [{ message, place }] : []
  })
  const delayed = db === undefined ? good : await sinceStart(db, good)
  for (const batch of batchesOf(delayed, shape)) await sendBatch(context, { shape, batch, results, db })
  return results
}

interface Step {
  readonly shape: QueueShape
  readonly batch: Placed
  readonly results: SendResult[]
  readonly db: Db | undefined
}

async function sendBatch(context: Context, step: Step): Promise<void> {
  const { shape, batch, results, db } = step
  try {
    const stored = await store(
      context,
      shape,
      batch.map(({ message }) => message),
      db,
    )
    for (const { message, place } of batch) results[place] = stored.has(message.id) ? 'accepted' : 'duplicate'
    // a queue that somebody deleted takes nothing and complains about nothing
    if (stored.size < batch.length) await context.queues.verify(shape.name)
  } catch (error) {
    const fault = toBrokerError(error, { doing: 'send', queue: shape.name, writes: true })
    if (db !== undefined || fault.code === 'not-found') throw fault // the user's transaction is over
    if (fault.code === 'invalid' && batch.length > 1) {
      for (const one of batch) await sendBatch(context, { ...step, batch: [one] })
      return
    }
    for (const { place } of batch) results[place] = fault
  }
}

/** One INSERT for all that the table's own constraints decide about, a transaction for each of the others. */
async function store(
  context: Context,
  shape: QueueShape,
  messages: readonly Message[],
  db: Db | undefined,
): Promise<ReadonlySet<string>> {
  const apart = shape.ordered ? messages.filter(({ unique }) => unique !== undefined) : []
  if (apart.length === 0) return insertMessages(context, shape, messages, db)
  const together = messages.filter(({ unique }) => unique === undefined)
  const stored = new Set(together.length === 0 ? [] : await insertMessages(context, shape, together, db))
  for (const message of apart) {
    const admit = (tx: Db) => admitOne(context, shape, message, tx)
    if (await (db === undefined ? context.database.transaction(admit) : admit(db))) stored.add(message.id)
  }
  return stored
}

/** Unique in an ordered queue: everybody who sends this key waits for this transaction, and looks at the queue after it. */
async function admitOne(context: Context, shape: QueueShape, message: Message, tx: Db): Promise<boolean> {
  const key = keyText(message.unique?.key ?? '')
  const { schema } = context.settings
  await tx.executeSql('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [
    `switchyard:${schema}:${shape.name}:${key}`,
  ])
  const taken = `SELECT 1 FROM ${schema}.job WHERE name = $1 AND state <= 'active' AND group_id = $2 LIMIT 1`
  const { rows } = await tx.executeSql(taken, [shape.name, key])
  return rows.length === 0 && (await insertMessages(context, shape, [message], tx)).size === 1
}

/** One INSERT; the ids really stored. */
export async function insertMessages(
  context: Context,
  shape: QueueShape,
  messages: readonly Message[],
  db: Db | undefined,
): Promise<ReadonlySet<string>> {
  const jobs = messages.map((message, index) => toInsert(message, shape, messages.length - index))
  const ids = await context.boss.insert(shape.name, jobs, { returnId: true, ...(db === undefined ? {} : { db }) })
  return new Set(ids ?? [])
}

/** What must not reach the server. */
function refusalOf(message: Message, shape: QueueShape): BrokerError | undefined {
  const refused = (code: 'too-large' | 'unsupported', text: string) =>
    new BrokerError({ code, adapter: 'postgres', queue: shape.name, message: `message ${message.id}: ${text}` })
  const bytes = Buffer.byteLength(message.body)
  if (bytes > MAX_BODY_BYTES) return refused('too-large', `${bytes} bytes are more than ${MAX_BODY_BYTES}`)
  if (!(message.delayMs >= 0 && message.delayMs <= MAX_DELAY_MS)) return delayRefusal(message.delayMs, shape.name)
  if (message.orderKey !== undefined && !shape.ordered)
    return refused('unsupported', 'an order key needs a queue declared with `ordered: true`')
  if (message.unique === undefined) return undefined
  if (!('while' in message.unique) || message.unique.while !== 'active')
    return refused('unsupported', "Postgres keeps `unique` only as { while: 'active' }")
  return undefined
}

/**
 * Splits by count and bytes, and so that no id comes twice in one INSERT (pg-boss refuses that; the second one then is
 * a duplicate like any other) and no order key either (all rows of one INSERT are equally old).
 */
function batchesOf(messages: Placed, shape: QueueShape): readonly Placed[] {
  const batches: (readonly [Set<string>, { message: Message; place: number }[]])[] = []
  let from = 0
  let bytes = 0
  const nextOfKey = new Map<string, number>()
  for (const one of messages) {
    const { id, body, orderKey } = one.message
    const marks = shape.ordered && orderKey !== undefined ? [`id:${id}`, `key:${orderKey}`] : [`id:${id}`]
    bytes += Buffer.byteLength(body)
    if (bytes > BATCH_BYTES) {
      from = batches.length
      bytes = Buffer.byteLength(body)
    }
    let at = Math.max(from, ...marks.map((mark) => nextOfKey.get(mark) ?? 0))
    while ((batches[at]?.[1].length ?? 0) >= SEND_BATCH) at += 1
    for (const mark of marks) nextOfKey.set(mark, at + 1)
    const batch = batches[at] ?? ([new Set<string>(), []] as const)
    batches[at] = batch
    batch[1].push(one)
  }
  return batches.map(([, batch]) => batch)
}

/** Delays count from the start of a transaction; in the user's they must count from now, or they would end early. */
async function sinceStart(db: Db, messages: Placed): Promise<Placed> {
  if (messages.every(({ message }) => message.delayMs === 0)) return messages
  const elapsed = 'SELECT ceil(extract(epoch FROM clock_timestamp() - now()) * 1000)::int AS ms'
  const { rows } = await db.executeSql(elapsed)
  const ms = Number((rows[0] as { ms?: unknown } | undefined)?.ms ?? 0)
  return messages.map(({ message, place }) => ({
    place,
    message: message.delayMs === 0 ? message : { ...message, delayMs: message.delayMs + ms },
  }))
}
