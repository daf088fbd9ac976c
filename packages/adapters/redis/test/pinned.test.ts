import { RedisConnection, RedisQueueBackend } from 'bullmq'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BrokerClockRedis } from '../src/broker-clock-redis.ts'

/** Everything that this package uses of BullMQ beyond its documentation: a release that changes it must fail here first. */
const MEMBERS = {
  addJobToTransaction: 3,
  execCommand: 3,
  extendLock: 4,
  getJobData: 1,
  getRanges: 1,
  moveJobFromActiveToWait: 1,
  moveStalledJobsToWait: 0,
  moveToActive: 2,
  moveToCompletedArgs: 4,
  moveToDelayed: 3,
  moveToFinished: 2,
  toKey: 1,
} as const

/** Where scripts take the time, the token and what else our lines before them rely on. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  addStandardJob: ['local args = cmsgpack.unpack(ARGV[1])', 'local timestamp = args[4]'],
  addDelayedJob: ['local args = cmsgpack.unpack(ARGV[1])', 'local timestamp = args[4]'],
  extendLock: ['rcall("GET", KEYS[1]) == ARGV[1]'],
  moveToActive: ['ARGV[2], KEYS[10], isPausedOrMaxed)', 'local waitKey = KEYS[1]'],
  moveToDelayed: ['getDelayedScore(delayedKey, ARGV[2], delay)', 'updateJobFields(jobKey, ARGV[7])'],
  moveToFinished: ['local timestamp = ARGV[2]', 'removeLock(jobIdKey, KEYS[5], token, ARGV[1])'],
  moveStalledJobsToWait: ['rcall("HINCRBY", jobKey, "stc", 1)', 'local stalledKey = KEYS[1]'],
  obliterate: ['rcall("HEXISTS", KEYS[1], "paused") ~= 1'],
}

let client: BrokerClockRedis
let scripts: Map<string, string>

beforeAll(async () => {
  client = new BrokerClockRedis({ lazyConnect: true })
  scripts = new Map()
  const connection = new RedisConnection(client, {
    shared: true,
    skipVersionCheck: true,
    skipWaitingForReady: true,
    blocking: false,
  })
  connection.on('error', () => undefined)
  await connection.client.catch(() => undefined) // not connected; the scripts are defined all the same
  for (const name of Object.keys(PLACES)) scripts.set(name, client.scriptText(name))
})

afterAll(() => client.disconnect())

test.each(Object.entries(MEMBERS))('the backend has %s with %i parameters', (name, count) => {
  const member = (RedisQueueBackend.prototype as unknown as Record<string, unknown>)[name]
  expect(member).toBeTypeOf('function')
  expect((member as (...args: unknown[]) => unknown).length).toBe(count)
})

test.each(Object.entries(PLACES))('the script %s is as our lines before it expect', (name, places) => {
  const text = scripts.get(name) ?? ''
  for (const place of places) expect(text).toContain(place)
  expect(text).toMatch(name === 'obliterate' ? /^redis\.call\('HDEL'/ : /^(redis\.call\('PERSIST'|local sy_t = )/)
})
