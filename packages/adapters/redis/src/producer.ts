import { BrokerError, type Message, type SendResult } from '@switchyard/core/adapter'
import { type Context, faultOf, runCall } from './context.ts'
import { ADAPTER, saysNoScript } from './errors.ts'
import { forgetCompleted } from './scripts.ts'
import { forScripts, transactionOn } from './transaction.ts'
import { refusalOf, toJob } from './wire.ts'

/** Messages per MULTI: the server does nothing else meanwhile, about 15 ms. */
export const SEND_BATCH = 250
const SCRIPTS = ['addStandardJob', 'addDelayedJob'] as const
const BATCH_BYTES = 8 * 1_024 * 1_024

/** Stores messages; one answer each. */
export function send(
  context: Context,
  queue: string,
  messages: readonly Message[],
  tx: unknown,
): Promise<readonly SendResult[]> {
  const call = { doing: 'send', queue, writes: true }
  return runCall(context, call, async () => {
    if (tx !== undefined) throw noTransactions(queue)
    const { dedupeMs } = await context.queues.shape(queue)
    const results: SendResult[] = messages.map((message) => refusalOf(message, queue) ?? 'accepted')
    const places = results.flatMap((result, place) => (result === 'accepted' ? [place] : []))
    for (const batch of batches(messages, places)) {
      const sent = batch.map((place) => messages[place] as Message)
      const answers = await add(context, queue, sent, dedupeMs).catch((error: unknown) => {
        const fault = faultOf(context, error, call)
        return sent.map(() => fault)
      })
      batch.forEach((place, index) => {
        results[place] = answers[index] as SendResult
      })
    }
    return results
  })
}

/**
 * One MULTI of pairs: is the id there, then the script that adds it. BullMQ's answer alone does not tell a duplicate from a
 * fresh job (seam.md 1e).
 */
async function add(
  context: Context,
  queue: string,
  messages: readonly Message[],
  dedupeMs: number,
): Promise<readonly SendResult[]> {
  const answers = await addAll(context, queue, messages)
  if (dedupeMs === 0) return answers
  // Completed ids leave with the next completion. Where none came, one that is past its window is forgotten here.
  const again: number[] = []
  for (const [index, message] of messages.entries()) {
    if (answers[index] !== 'duplicate') continue
    if (await forgetCompleted(context.main.redis, context.queues.backend(queue), message.id, dedupeMs))
      again.push(index)
  }
  if (again.length === 0) return answers
  const retried = await addAll(
    context,
    queue,
    again.map((index) => messages[index] as Message),
  )
  return answers.map((answer, index) => retried[again.indexOf(index)] ?? answer)
}

/** Loads the scripts where their cache was emptied (SCRIPT FLUSH; Redis 7.4 also evicts): such a MULTI has added nothing. */
async function addAll(context: Context, queue: string, messages: readonly Message[]): Promise<readonly SendResult[]> {
  const answers = await addOnce(context, queue, messages)
  const again = messages.filter((_, index) => answers[index] === 'no script')
  if (again.length === 0) return answers as readonly SendResult[]
  const { redis } = context.main
  await Promise.all(SCRIPTS.map((name) => redis.script('LOAD', redis.scriptText(name))))
  const retried = await addOnce(context, queue, again)
  const fault = faultOf(context, new Error('NOSCRIPT'), { doing: 'send', queue, writes: true })
  return answers.map((answer, index) => {
    const final = answer === 'no script' ? retried[again.indexOf(messages[index] as Message)] : answer
    return final === undefined || final === 'no script' ? fault : final
  })
}

async function addOnce(
  context: Context,
  queue: string,
  messages: readonly Message[],
): Promise<readonly (SendResult | 'no script')[]> {
  const backend = context.queues.backend(queue)
  const multi = transactionOn(context.main.redis)
  for (const message of messages) {
    multi.exists(backend.toKey(message.id))
    void backend.addJobToTransaction(forScripts(multi), toJob(message, { unique: true }), message.id)
  }
  const replies = (await multi.exec()) ?? []
  return messages.map((message, index) => {
    const [[existsError, there] = [], [error, id] = []] = [replies[2 * index], replies[2 * index + 1]]
    const failed = existsError ?? error
    if (saysNoScript(failed)) return 'no script'
    if (failed) return faultOf(context, failed, { doing: 'send', queue, writes: true })
    // another id: BullMQ's deduplication names the one that is there already
    return there === 1 || id !== message.id ? 'duplicate' : 'accepted'
  })
}

function* batches(messages: readonly Message[], places: readonly number[]): Generator<readonly number[]> {
  let batch: number[] = []
  let bytes = 0
  for (const place of places) {
    const size = messages[place]?.body.length ?? 0
    if (batch.length > 0 && (batch.length === SEND_BATCH || bytes + size > BATCH_BYTES)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(place)
    bytes += size
  }
  if (batch.length > 0) yield batch
}

/** Redis has no transaction that a user could bring. */
export function noTransactions(queue: string): BrokerError {
  return new BrokerError({ adapter: ADAPTER, code: 'unsupported', queue, message: '`tx` is not supported on Redis' })
}
