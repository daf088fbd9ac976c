import type { Capabilities } from '@switchyard/core/adapter'
import { emulated, native } from '@switchyard/core/adapter'
import type { Durability } from './durability.ts'
import type { Settings } from './options.ts'
import { MAX_DELAY_MS } from './wire.ts'

/** Largest body of one message: a bound of ours, far below what jsonb takes (268 435 455 bytes), because a batch travels as one text. */
export const MAX_BODY_BYTES: number = 16 * 1_024 * 1_024
/** Messages per `insert`. */
export const SEND_BATCH = 1_000

/** The manifest, for these settings and this server. */
export function capabilitiesOf(settings: Settings, survives: Durability): Capabilities {
  const { monitorIntervalMs, pollMs } = settings
  return Object.freeze({
    survives,
    lease: native('timed', 'pg-boss heartbeat: touch renews it'),
    minLeaseMs: native(1_000, 'heartbeats count in whole seconds; a lease is rounded up to the next one'),
    maxLeaseMs: native(2_147_483_647_000, 'heartbeat_seconds is a 32-bit integer'),
    maxLapseLateMs: native(
      monitorIntervalMs * 1.5 + pollMs + 1_500,
      'one and a half monitor intervals, the poll, the rounding of the lease to whole seconds, 0.5 s for the pass; each pass counts the whole table (0.2 s per million rows), so a shorter interval costs CPU',
    ),
    fenced: native(
      true,
      'every settlement names the attempt (id, retryCount) that it was leased as; one that may have lapsed is first compared with the age of the job',
    ),
    note: native('atomic', 'replaces the data of the job in the transaction that puts it back'),
    retry: native('atomic', 'fail and update in one transaction; about 950/s'),
    release: native('atomic', 'as retry, counted apart'),
    move: native('atomic', 'fenced delete and insert in one transaction'),
    lapses: native(
      'exact',
      'retryCount counts every further lease; retries and releases are counted in the data and subtracted',
    ),
    maxDelayMs: native(MAX_DELAY_MS, 'start_after is a timestamp; a hundred years is our own bound'),
    maxReleaseDelayMs: native(MAX_DELAY_MS, 'as maxDelayMs'),
    delayGrainMs: native(pollMs, 'new jobs ring (NOTIFY), due ones do not: an idle consumer polls'),
    maxDelayed: native(Number.POSITIVE_INFINITY, 'rows of a table'),
    dueClock: native('broker', 'delays travel as intervals and are added to the clock of the server'),
    ordering: native(
      'key',
      'policy key_strict_fifo of pg-boss; each fetch reads the head of every waiting key (30 ms at 10 000 keys, 190 ms at 50 000): not for more than some 100 000; within one transaction of the user, messages of one key are ordered by id',
    ),
    dedupe: emulated(
      'window',
      'ids are unique per queue while queued; completed rows are kept for dedupeMs and deleted by a pass within four monitor intervals after it',
    ),
    reportsDuplicates: native(true, 'insert returns the ids that it stored'),
    unique: native(
      ['active'],
      'policy exclusive of pg-boss, a partial unique index over waiting and active jobs; in ordered queues an advisory lock and a look at every waiting job',
    ),
    transactions: native(true, 'send and settle run on the connection that is handed in'),
    browse: emulated(true, 'our own read-only SQL, paged by creation time'),
    exclusive: emulated(true, 'session advisory locks on the notification connection; ends when that connection does'),
    purge: native('all', 'deleteAllJobs: waiting, delayed and leased'),
    maxBodyBytes: emulated(MAX_BODY_BYTES, 'checked here; jsonb itself takes 268 435 455 bytes'),
    sendBatch: native(SEND_BATCH, 'one INSERT statement; longer batches are split'),
    receivers: native(1, 'one fetch brings a whole batch'),
    retentionMs: native(2_147_483_647_000, 'retentionSeconds at its maximum, 68 years after the due time'),
  } satisfies Capabilities)
}
