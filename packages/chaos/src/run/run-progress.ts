/** What a running chaos run looks like from outside; given to `onProgress` a few times a second. */
export interface RunProgress {
  readonly phase: 'warm' | 'chaos' | 'heal' | 'census' | 'judging'
  /** Since the start of the run. */
  readonly elapsedMs: number
  readonly jobs: number
  readonly enqueued: number
  readonly completed: number
  readonly dead: number
  /** Handlers running now. */
  readonly active: number
  readonly workersAlive: number
  readonly frozen: number
  readonly kills: number
  readonly freezes: number
  /** Second deliveries that started while the first handler ran. */
  readonly overlaps: number
  readonly stops: number
  readonly brokerKills: number
  readonly faultsLeft: number
  /** The last thing that was done to somebody: `kill-3: worker-2.1 killed with 4 jobs in hand`. */
  readonly last: string | null
}
