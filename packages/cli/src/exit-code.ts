import { BrokerUnavailable } from '@switchyard/brokers'
import { ChaosError, exitCodeOfError } from '@switchyard/chaos'
import { BrokerError, EnqueueError, SwitchyardError } from '@switchyard/core'

/** Exit codes of every command (design.md 6). */
export const EXIT = { ok: 0, violation: 1, inconclusive: 2, infrastructure: 3, usage: 64, internal: 70 } as const

/** One of EXIT. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** A command was used wrongly; the message says how to use it. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The exit code that an error means. */
export function exitCodeFor(error: unknown): ExitCode {
  if (error instanceof UsageError) return EXIT.usage
  if (error instanceof ChaosError) return exitCodeOfError(error)
  if (error instanceof BrokerUnavailable) return EXIT.infrastructure
  if (error instanceof EnqueueError) return EXIT.infrastructure
  if (error instanceof BrokerError)
    return error.code === 'invalid' || error.code === 'unsupported' ? EXIT.usage : EXIT.infrastructure
  if (error instanceof SwitchyardError)
    return error.code === 'not-found' && error.option === undefined ? EXIT.violation : EXIT.usage
  return EXIT.internal
}
