import type { Redis } from 'ioredis'
import type { Backend } from './queues.ts'

/** Removes a completed job whose window is over, if it is completed and over; 1 when it did. */
const FORGET = `
local finished = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not finished then return 0 end
local t = redis.call('TIME')
if tonumber(finished) + tonumber(ARGV[2]) > t[1] * 1000 + math.floor(t[2] / 1000) then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2], KEYS[2] .. ':logs')
return 1`

/**
 * The consumers of a queue, one member each (x: exclusive, s: shared), scored by when they end unless they come again.
 * Answers 1 when this one may take.
 */
const ATTEND = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  for _, other in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if string.sub(ARGV[1], 1, 2) == 'x:' or string.sub(other, 1, 2) == 'x:' then return 0 end
  end
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`

/** Waiting, prioritised, leased, delayed, and how many of the delayed are due: of one moment, and also when memory is full. */
const COUNT = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
return {
  redis.call('LLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('LLEN', KEYS[3]), redis.call('ZCARD', KEYS[4]),
  redis.call('ZCOUNT', KEYS[4], '-inf', (now + 1) * 4096 - 1)
}`

/** Registers our own scripts on a connection; once. */
export function defineScripts(redis: Redis): void {
  redis.defineCommand('syCount', { lua: COUNT, numberOfKeys: 4 })
  redis.defineCommand('syForget', { lua: FORGET, numberOfKeys: 2 })
  redis.defineCommand('syAttend', { lua: ATTEND, numberOfKeys: 1 })
}

/** Counts of one moment; delayed jobs that are due are ready, since the next take brings them. */
export interface Counts {
  readonly waiting: number
  readonly due: number
  readonly delayed: number
  readonly leased: number
}

/** Counts a queue by the clock of the server. */
export async function countJobs(redis: Redis, { keys }: Backend): Promise<Counts> {
  const lists = [keys.wait, keys.prioritized, keys.active, keys.delayed].map((key) => key ?? '')
  const [wait = 0, prioritized = 0, leased = 0, all = 0, due = 0] = (await run(redis, 'syCount', lists)) as number[]
  return { waiting: wait + prioritized, due, delayed: all - due, leased }
}

/** Forgets a completed id whose dedupe window is over, by the server's clock. False: there is nothing to forget. */
export async function forgetCompleted(redis: Redis, queue: Backend, id: string, dedupeMs: number): Promise<boolean> {
  return (await run(redis, 'syForget', [queue.keys.completed ?? '', queue.toKey(id), id, dedupeMs])) === 1
}

/** Enters or renews a consumer for `ttlMs`. False: somebody else forbids it. */
export async function attend(redis: Redis, key: string, member: string, ttlMs: number): Promise<boolean> {
  return (await run(redis, 'syAttend', [key, member, ttlMs])) === 1
}

/** `defineCommand` adds methods that types cannot know. */
function run(redis: Redis, name: string, args: readonly (string | number)[]): Promise<unknown> {
  const commands = redis as unknown as Record<string, (...given: readonly (string | number)[]) => Promise<unknown>>
  return commands[name]?.(...args) ?? Promise.reject(new TypeError(`${name} is not defined`))
}
