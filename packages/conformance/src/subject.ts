import type { AdapterFactory } from '@switchyard/core/adapter'

/** What survives `JSON.stringify`: the only thing that may pass to a child process. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * What an adapter author gives the suite. It lives in a module of its own (`export const subject: Subject`), so that
 * child processes can import it again and open the same broker.
 */
export interface Subject {
  /** Adapter name, as in `Adapter.name`. */
  readonly name: string
  /** Open an adapter connected to the broker under test. `options` is the JSON that `start` returned. Called in this process and in child processes. */
  open(options: Json): AdapterFactory
  /** Start or find the broker under test; called once, in the parent only. A broker that cannot be reached must reject: it is never a skip. */
  start(): Promise<Target>
  /** Clauses that this adapter is known to break. They are reported as `deviation`; one that holds is `stale-deviation`, which fails the run. */
  readonly deviations?: readonly Deviation[]
}

/** One clause that is known to be broken, and why it stays so. */
export interface Deviation {
  /** Clause id. */
  readonly clause: string
  readonly reason: string
  /** Where the cause is tracked, if somebody else has to mend it. */
  readonly upstream?: string
}

/** A transaction of the user, open on a connection of the user. */
export interface UserTransaction {
  /** What `send(…, tx)` and `settle(…, tx)` take. */
  readonly tx: unknown
  commit(): Promise<void>
  rollback(): Promise<void>
}

/** The broker under test, while the suite runs. */
export interface Target extends AsyncDisposable {
  /** Handed to `Subject.open`; survives JSON. */
  readonly options: Json
  /** Sever every network connection now; new ones may be made at once. Absent: say why in `absent`. */
  cut?(): Promise<void>
  /** Kill the broker hard and start it again on the same data; resolves when it answers. Absent: say why in `absent`. */
  restart?(): Promise<void>
  /** Opens a transaction of the user's own, where the manifest declares `transactions`; no reason in `absent` excuses it there. */
  begin?(): Promise<UserTransaction>
  /** Options with which nothing can be reached (a closed port); opening must fail within its deadline. Absent: say why in `absent`. */
  unreachable?(): Json
  /** Options that are refused for their credentials. Absent: say why in `absent`. */
  forbidden?(): Json
  /** Texts that may appear in no error: passwords and tokens that the options above contain. */
  readonly secrets?: readonly string[]
  /** Version of the broker as it runs, for reports. */
  readonly version?: string
  /** Why hooks are absent, e.g. `embedded: no connection`. Without a reason the clause is `unverified`. */
  readonly absent?: string
  /** False: the broker lives in this process only (memory), so cases with a child process run their in-process variant. */
  readonly shared: boolean
}
