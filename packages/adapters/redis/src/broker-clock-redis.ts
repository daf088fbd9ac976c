import type { Socket } from 'node:net'
import { type Command, Redis } from 'ioredis'

/** Read once per script run; milliseconds. */
const NOW = "local sy_t = redis.call('TIME') local sy_now = sy_t[1] * 1000 + math.floor(sy_t[2] / 1000) "
const INTO_SECOND = `${NOW}ARGV[2] = string.format('%.0f', sy_now) `
/** What an adding script answers, instead of the id, of a job whose id is there: alone it would answer the id either way (seam.md 1e). */
export const DUPLICATE = 'sy:duplicate'
const ADD = `${NOW}local sy_args = cmsgpack.unpack(ARGV[1]) \
if redis.call('EXISTS', sy_args[1] .. sy_args[2]) == 1 then return '${DUPLICATE}' end \
sy_args[4] = sy_now ARGV[1] = cmsgpack.pack(sy_args) `

/**
 * A write that changes nothing and needs no memory. Redis lets a script go on that has written (script.c, scriptVerifyOOM):
 * without it, a server at `maxmemory` would refuse to give out jobs and to renew leases, and could never be drained.
 */
const WHEN_FULL = "redis.call('PERSIST', KEYS[1]) "

/**
 * What is put before scripts of BullMQ. Time: where each takes that of the calling process, its second argument or the
 * fourth of its packed ones, because a worker whose clock runs ahead would take jobs early (seam.md 1). A test pins the places.
 */
const PREAMBLES: Readonly<Record<string, string>> = {
  addStandardJob: ADD,
  addDelayedJob: ADD,
  extendLock: WHEN_FULL,
  moveStalledJobsToWait: WHEN_FULL,
  moveToActive: WHEN_FULL + INTO_SECOND,
  moveToDelayed: INTO_SECOND,
  moveToFinished: INTO_SECOND,
}

/** BullMQ obliterates paused queues only: paused within the script, no crash can leave it so. */
function obliterateUnpaused(lua: string): string {
  return `redis.call('HDEL', KEYS[1], 'paused') redis.call('HSET', KEYS[1], 'paused', '1')
local sy_run = function()
${lua}
end
local sy_ok, sy_answer = pcall(sy_run)
redis.call('HDEL', KEYS[1], 'paused')
if not sy_ok then error(sy_answer) end
return sy_answer`
}

/** An ioredis client on which BullMQ's scripts go by the clock of the server, by a line of Lua before them. */
export class BrokerClockRedis extends Redis {
  /** Texts of the scripts by name, without BullMQ's version. */
  readonly #texts = new Map<string, string>()
  #corked: Socket | null = null

  override defineCommand(name: string, definition: { lua: string; numberOfKeys?: number; readOnly?: boolean }): void {
    const [plain = name] = name.split(':')
    const lua =
      plain === 'obliterate' ? obliterateUnpaused(definition.lua) : `${PREAMBLES[plain] ?? ''}${definition.lua}`
    this.#texts.set(plain, lua)
    super.defineCommand(name, { ...definition, lua })
  }

  /** What is sent in one turn of the event loop leaves in one write: a third of the cost when many takes and settlements go at once. */
  override sendCommand(command: Command, stream?: Parameters<Redis['sendCommand']>[1]): unknown {
    const socket = this.stream as Socket | undefined
    if (socket !== undefined && this.#corked !== socket) {
      this.#corked = socket
      socket.cork()
      process.nextTick(() => {
        if (this.#corked === socket) this.#corked = null
        socket.uncork()
      })
    }
    return super.sendCommand(command, stream)
  }

  /** The text of a script as it is run, for SCRIPT LOAD; empty when there is none. */
  scriptText(name: string): string {
    return this.#texts.get(name) ?? ''
  }
}
