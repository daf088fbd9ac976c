import { BrokerError, type Message, type SendResult } from '@switchyard/core/adapter'
import { createIORedisClient } from 'bullmq'
import { type Context, faultOf, runCall } from './context.ts'
import { ADAPTER } from './errors.ts'
import { forgetCompleted } from './scripts.ts'
import { refusalOf, toJob } from './wire.ts'

/** Messages on the wire at once. */
export const SEND_BATCH = 500
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
      const answers = await add(context, queue, sent, dedupeMs)
      batch.forEach((place, index) => {
        results[place] = answers[index] as SendResult
      })
    }
    return results
  })
}

/** One script per message, sent together. A script tells a duplicate from a fresh job (broker-clock-redis.ts). */
async function add(
  context: Context,
  queue: string,
  messages: readonly Message[],
  dedupeMs: number,
): Promise<readonly SendResult[]> {
  const backend = context.queues.backend(queue)
  const client = createIORedisClient(context.main.redis)
  const addOne = async (message: Message): Promise<SendResult> => {
    const id = await backend.addJobToTransaction(client, toJob(message, { unique: true }), message.id)
    // another id: BullMQ's deduplication names the one that is there already
    return id === message.id ? 'accepted' : 'duplicate'
  }
  return Promise.all(
    messages.map(async (message): Promise<SendResult> => {
      try {
        const answer = await addOne(message)
        if (answer === 'accepted' || dedupeMs === 0) return answer
        // Completed ids leave with the next completion. Where none came, one that is past its window is forgotten here.
        const forgotten = await forgetCompleted(context.main.redis, backend, message.id, dedupeMs)
        return forgotten ? await addOne(message) : answer
      } catch (error) {
        return faultOf(context, error, { doing: 'send', queue, writes: true })
      }
    }),
  )
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
