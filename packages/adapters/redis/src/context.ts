import { type AdapterHost, BrokerError, withDeadline } from '@switchyard/core/adapter'
import { closedError, type FailedCall, lateError, toBrokerError } from './errors.ts'
import type { Link } from './link.ts'
import type { Mover } from './mover.ts'
import type { Settings } from './options.ts'
import type { Queues } from './queues.ts'

/** What the parts of one open adapter share. */
export interface Context {
  readonly host: AdapterHost
  readonly settings: Settings
  /** Every command that does not block and watches nothing. */
  readonly main: Link
  readonly queues: Queues
  readonly mover: Mover
  /** True from the end of `close`. */
  closed: boolean
}

/** Runs one call of the seam: refused after close, ended by the deadline, native errors mapped. */
export async function runCall<Value>(context: Context, call: FailedCall, work: () => Promise<Value>): Promise<Value> {
  const { host } = context
  if (context.closed) throw closedError(call.doing, call.queue)
  try {
    return await withDeadline(host.clock, host.callDeadlineMs, work(), () => lateError(host.callDeadlineMs, call))
  } catch (error) {
    throw faultOf(context, error, call)
  }
}

/** As `toBrokerError`; where we were merely not connected, the reason for that decides the code. */
export function faultOf(context: Context, error: unknown, call: FailedCall): BrokerError {
  const fault = toBrokerError(error, call)
  const why = context.main.fault
  if (fault.code !== 'unavailable' || fault.maybeApplied || why === null || why.code !== 'forbidden') return fault
  return new BrokerError({
    adapter: fault.adapter,
    code: why.code,
    message: `could not ${call.doing}: ${why.message}`,
    ...(call.queue === undefined ? {} : { queue: call.queue }),
    cause: why.cause,
  })
}
