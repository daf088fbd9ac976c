import { createIORedisClient, type IRedisTransaction } from 'bullmq'
import type { Redis } from 'ioredis'

/** One reply of a transaction or pipeline. */
export type Reply = readonly [error: Error | null | undefined, result?: unknown]

/** A MULTI that takes BullMQ's scripts as well as plain commands. BullMQ's own type of it has few of those. */
export interface Transaction extends Pick<IRedisTransaction, 'runCommand'> {
  del(key: string): unknown
  script(word: 'LOAD', text: string): unknown
  setrange(key: string, offset: number, value: string): unknown
  zrem(key: string, member: string): unknown
  /** Null: something that was watched had changed, and nothing was applied. */
  exec(): Promise<readonly Reply[] | null>
}

/** Opens a MULTI on this connection; nothing is sent before `exec`. */
export function transactionOn(redis: Redis): Transaction {
  return createIORedisClient(redis).multi() as unknown as Transaction
}

/** As the members of BullMQ's backend take it. */
export function forScripts(transaction: Transaction): IRedisTransaction {
  return transaction as unknown as IRedisTransaction
}
