import { Redis } from 'ioredis'

/** Read once per script run; milliseconds. */
const NOW = "local sy_t = redis.call('TIME') local sy_now = sy_t[1] * 1000 + math.floor(sy_t[2] / 1000) "
const INTO_SECOND = `${NOW}ARGV[2] = string.format('%.0f', sy_now)\n`
const INTO_PACKED = `${NOW}local sy_args = cmsgpack.unpack(ARGV[1]) sy_args[4] = sy_now ARGV[1] = cmsgpack.pack(sy_args)\n`

/**
 * Where each script of BullMQ that decides by time takes the time of the calling process: its second argument, or the fourth
 * of its packed ones. Pinned by a test, because a clock of a worker that runs ahead would take jobs early (seam.md 1).
 */
const PREAMBLES: Readonly<Record<string, string>> = {
  addStandardJob: INTO_PACKED,
  addDelayedJob: INTO_PACKED,
  moveToActive: INTO_SECOND,
  moveToDelayed: INTO_SECOND,
  moveToFinished: INTO_SECOND,
}

/** An ioredis client on which BullMQ's scripts go by the clock of the server: one line of Lua replaces the caller's time by TIME. */
export class BrokerClockRedis extends Redis {
  override defineCommand(name: string, definition: { lua: string; numberOfKeys?: number; readOnly?: boolean }): void {
    const preamble = PREAMBLES[name.slice(0, name.indexOf(':'))] ?? ''
    super.defineCommand(name, { ...definition, lua: preamble + definition.lua })
  }
}
