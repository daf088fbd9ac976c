import type { Goals } from '@switchyard/conformance/history'

/**
 * Where in the life of a job a fault strikes. `start`: its handler is about to run. `effect`: a sink of ours has taken its
 * effect and has not answered yet. `handled`: its handler has returned, nothing is settled.
 */
export type CrashPoint = 'start' | 'effect' | 'handled'

/** The n-th time (from 1) that any worker reaches the point: progress decides, never a clock, so that it replays. */
export interface Trigger {
  readonly point: CrashPoint
  readonly nth: number
}

/** One fault, as data. Whoever reaches the trigger is the target. */
export type PlannedFault =
  | { readonly id: string; readonly do: 'kill'; readonly at: Trigger }
  /** SIGSTOP until `leases` leases have passed, then SIGCONT. */
  | { readonly id: string; readonly do: 'freeze'; readonly at: Trigger; readonly leases: number }
  /** The job's renewals get lost while its handler is held, until somebody else has started it. */
  | { readonly id: string; readonly do: 'lapse'; readonly at: Trigger }
  /** SIGTERM: a graceful stop under load. */
  | { readonly id: string; readonly do: 'stop'; readonly at: Trigger }
  /**
   * SIGKILL of the broker, and its start on the same port and data after `downMs`. `flushFirst`: wait until freshly declared queues
   * would survive it (RunningBroker.flush); that loss of RabbitMQ before 3.13 (rabbitmq/ra#443) is then not in this run.
   */
  | {
      readonly id: string
      readonly do: 'broker-kill'
      readonly at: Trigger
      readonly downMs: number
      readonly flushFirst: boolean
    }

/** How large a run is. */
export interface PlanSizes {
  readonly jobs: number
  readonly workers: number
  /** Jobs at once in each worker. */
  readonly concurrency: number
  readonly leaseMs: number
  readonly kills: number
  readonly freezes: number
  readonly lapses: number
  readonly stops: number
  /** Only for a broker that was started for the run. */
  readonly brokerKills: number
}

/** Everything about a run that is decided before it: plain data from a seed, to be stored, edited and run again. */
export interface Plan {
  readonly v: 1
  readonly seed: number
  readonly sizes: PlanSizes
  /** In the order of their triggers. */
  readonly faults: readonly PlannedFault[]
  readonly goals: Goals
}
