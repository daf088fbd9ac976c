import type { Capabilities } from '@switchyard/core/adapter'
import { emulated, native } from '@switchyard/core/adapter'

/** Longest body in UTF-8 bytes. SQLite takes 1 GB; beyond this one message stalls the event loop noticeably. */
export const MAX_BODY_BYTES = 67_108_864

/** Messages stored in one transaction. */
export const SEND_BATCH = 500

/** How often foreign commits are looked for when no bell rings, in ms. */
export const FLOOR_MS = 250

/** What this adapter keeps, measured on Linux, local disk, Node 24, SQLite 3.53 (research/seam.md 5). */
export const SQLITE_CAPABILITIES: Capabilities = {
  survives: native(
    'power-loss',
    'send, retry, release and move commit with synchronous=FULL, if the disk keeps what it flushed',
  ),
  lease: native('timed', 'a row with an end time and a fence number'),
  minLeaseMs: native(50, 'below this the write lock alone can use up a lease'),
  maxLeaseMs: native(Number.POSITIVE_INFINITY, 'an end time is a number'),
  maxLapseLateMs: native(300, 'a timer for leases known when waiting began, else the look every 250 ms'),
  fenced: native(true, 'every change names row and lease number and requires that the lease has not ended'),
  note: native('atomic', 'a column of the row'),
  retry: native('atomic', 'one UPDATE'),
  release: native('atomic', 'one UPDATE'),
  move: native('atomic', 'INSERT and DELETE in one transaction'),
  lapses: native('exact', 'counted where the ended lease is taken back; a hand-back does not count'),
  maxDelayMs: native(Number.POSITIVE_INFINITY, 'a due time is a number'),
  maxReleaseDelayMs: native(Number.POSITIVE_INFINITY, 'a due time is a number'),
  delayGrainMs: native(50, 'a timer at the next due time; measured a few ms'),
  maxDelayed: native(Number.POSITIVE_INFINITY, 'rows'),
  dueClock: native('client', 'the clock of the consumer, on one machine the same for all'),
  ordering: native(
    'key',
    'the oldest message of a key is leased, or waits for its retry, before the next becomes ready',
  ),
  dedupe: native('window', 'unique index while queued; completed ids for dedupeMs'),
  reportsDuplicates: native(true, 'the insert says so'),
  unique: native(['queued', 'active', 'window'], 'decided inside the transaction that stores the message'),
  transactions: native(true, 'a DatabaseSync on the same file, inside BEGIN; consumers hear of it within 250 ms'),
  browse: native(true, 'by index, paged'),
  exclusive: emulated(true, 'a row renewed every few seconds; it ends 5 s after its holder died'),
  purge: native('all', 'in transactions of 1 000 rows'),
  maxBodyBytes: native(MAX_BODY_BYTES, 'SQLite takes 1 GB; this keeps single stalls short'),
  sendBatch: native(SEND_BATCH, 'one transaction each'),
  receivers: native(1, 'there is one writer at a time; a second receiver adds nothing'),
  retentionMs: native(Number.POSITIVE_INFINITY, 'nothing is ever dropped'),
}
