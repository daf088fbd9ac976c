/** Switchyard on Redis, through BullMQ's backend. */
export type { RedisOptions } from './options.ts'
export { adapterFromUrl, redis } from './redis.ts'
