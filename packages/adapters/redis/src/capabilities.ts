import { type Capabilities, emulated, native, unsupported } from '@switchyard/core/adapter'
import type { Settings } from './options.ts'
import { SEND_BATCH } from './producer.ts'
import type { Durability } from './server-facts.ts'
import { MAX_BODY_BYTES, MAX_DELAY_MS, MIN_LEASE_MS } from './wire.ts'

/** The manifest, for these settings and this server; figures were measured on Redis 7.0.15 with BullMQ 6.7.0. */
export function capabilitiesOf({ stalledIntervalMs }: Settings, survives: Durability): Capabilities {
  return Object.freeze<Capabilities>({
    survives,
    lease: native('timed', "BullMQ's lock of a job is a key that expires"),
    minLeaseMs: native(
      MIN_LEASE_MS,
      'PX counts in milliseconds; shorter than a round trip and a renewal makes no sense',
    ),
    maxLeaseMs: emulated(MAX_DELAY_MS, 'our own bound; keys expire at any time'),
    maxLapseLateMs: native(
      2 * stalledIntervalMs + 500,
      'one look marks what is active, the next takes what is marked and has no lock; a look walks over everything leased',
    ),
    fenced: native(true, 'every script compares the token in the lock of the job'),
    note: native(
      'atomic',
      'stored by the script that puts the job back, where BullMQ keeps the reason of the last failure',
    ),
    retry: native('atomic', 'one script (moveToDelayed)'),
    release: native('atomic', 'one script; at once and without a note to the front, otherwise by its due time'),
    move: native('atomic', 'added and completed in one MULTI under WATCH of the lease'),
    lapses: native('exact', "BullMQ's stalledCounter; retries and releases do not touch it"),
    maxDelayMs: emulated(MAX_DELAY_MS, 'a hundred years is our own bound'),
    maxReleaseDelayMs: emulated(MAX_DELAY_MS, 'as maxDelayMs'),
    delayGrainMs: native(
      50,
      'a timer at the due time, 1 to 6 ms late when idle (measured); 5 s when the worker that knew of it died',
    ),
    maxDelayed: native(Number.POSITIVE_INFINITY, 'a sorted set, in memory'),
    dueClock: emulated(
      'broker',
      "BullMQ decides by the clock of the worker; a line before its scripts replaces that by Redis' TIME",
    ),
    ordering: native(
      'queue',
      'a list; what was retried or delayed comes when it is due, what lapsed or was given back to the front',
    ),
    dedupe: native(
      'window',
      'ids are unique per queue while queued; completed jobs are kept for dedupeMs, with their bodies',
    ),
    reportsDuplicates: emulated(true, 'the script that adds looks for the id first and says so'),
    unique: native(['active', 'window'], "BullMQ's deduplication keys"),
    transactions: unsupported(false, 'a user has no transaction that Redis could join'),
    browse: native(true, 'paged by position: what moves meanwhile may show twice or not at all'),
    exclusive: emulated(
      true,
      'consumers are listed in Redis for 15 s and come again every 5; a vanished one counts until then',
    ),
    purge: native('all', "BullMQ's obliterate, a thousand jobs per script run; leased ones too"),
    maxBodyBytes: emulated(MAX_BODY_BYTES, 'checked here; Redis takes 512 MiB'),
    sendBatch: emulated(SEND_BATCH, 'one script each, sent together'),
    receivers: native(1, 'takes are sent together on one connection'),
    retentionMs: native(Number.POSITIVE_INFINITY, 'nothing expires'),
  })
}
