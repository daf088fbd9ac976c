import type { BrokerKind, BrokerRung } from './running-broker.ts'

/** One rung of the ladder that did not work, and why. */
export interface RungFailure {
  readonly rung: BrokerRung
  readonly reason: string
}

/** No rung produced a broker. The message names every rung tried and the exact commands that fix it. */
export class BrokerUnavailable extends Error {
  override readonly name = 'BrokerUnavailable'
  readonly kind: BrokerKind
  readonly failures: readonly RungFailure[]
  /** The shortest command that makes it work. */
  readonly fix: string
  /** True when something was there and did not work: never a reason to skip. */
  readonly broken: boolean

  constructor(
    kind: BrokerKind,
    failures: readonly RungFailure[],
    { fix, broken }: { readonly fix: string; readonly broken: boolean },
  ) {
    const tried = failures.map((failure) => `  ${failure.rung}: ${failure.reason}`).join('\n')
    super(`No ${kind} broker could be started.\n${tried}\nFix it with:  ${fix}`)
    this.kind = kind
    this.failures = failures
    this.fix = fix
    this.broken = broken
  }
}
