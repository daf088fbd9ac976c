import { type Capabilities, emulated, native, unsupported } from '@switchyard/core/adapter'
import type { Settings } from './options.ts'

/** Longest DelaySeconds (API reference, SendMessage). */
export const MAX_SEND_DELAY_MS = 900_000
/** Longest time that a message may stay invisible after it was received, all changes together (ChangeMessageVisibility). */
export const MAX_VISIBILITY_MS = 43_200_000
/** Largest message with its attributes, and largest batch (quotas of 2025-08: 1 MiB). */
export const MAX_MESSAGE_BYTES = 1_048_576
/** Room for our attributes: a note of 4 096 bytes, id, job name, due time. */
export const ATTRIBUTE_ROOM = 8_192
/** Largest body. */
export const MAX_BODY_BYTES: number = MAX_MESSAGE_BYTES - ATTRIBUTE_ROOM
/** Longest MessageRetentionPeriod (SetQueueAttributes). */
export const RETENTION_MS: number = 14 * 86_400_000
/** Entries per batch call. */
export const BATCH = 10
/** How often a message goes back in place before it goes back as a copy: each time counts as a lapse. */
export const MOST_IN_PLACE = 2
/** FIFO messages can only wait invisibly; an hour is left for having been held. */
const FIFO_RELEASE_MS: number = MAX_VISIBILITY_MS - 3_600_000

/** What SQS keeps, for these settings. AWS decides, where a local server differs (README). */
export function capabilitiesOf({ fifo, pollMs }: Settings): Capabilities {
  const composed = 'the copy is confirmed, then the original deleted: a crash between the two doubles the message'
  const inPlace = `in place by visibility up to ${MOST_IN_PLACE} times when the note stays as it is; otherwise ${composed}`
  const visibility = 'ChangeMessageVisibility: one call, same message'
  return Object.freeze<Capabilities>({
    survives: native('power-loss', 'AWS stores a message in several zones before it answers'),
    lease: native('timed', 'visibility timeout of each receive'),
    minLeaseMs: native(1_000, 'visibility counts in whole seconds; a lease is rounded up to the next one'),
    maxLeaseMs: native(
      MAX_VISIBILITY_MS - pollMs - 1_000,
      '12 hours from the receive, extensions included; a message held longer comes back',
    ),
    maxLapseLateMs: native(
      pollMs + 3_000,
      'leases are taken for one poll longer (a message may come at the end of it) and rounded to whole seconds; AWS names no bound of its own',
    ),
    fenced: native(
      false,
      'a stale receipt may still delete; only the local deadline of a receipt keeps it from being used',
    ),
    note: fifo
      ? unsupported('unsupported', 'a copy would go behind its successors, and a message cannot be changed')
      : emulated('composed', `message attribute of a copy; ${composed}`),
    retry: fifo ? native('atomic', visibility) : emulated('composed', inPlace),
    release: fifo ? native('atomic', visibility) : emulated('composed', inPlace),
    move: emulated('composed', composed),
    lapses: fifo
      ? unsupported('none', 'a retry in place and a lapse count alike')
      : native(
          'over',
          `ApproximateReceiveCount of this copy; releases in place (at most ${MOST_IN_PLACE}), duplicates by SQS and looks by console count too`,
        ),
    maxDelayMs: fifo
      ? unsupported(0, 'FIFO queues have no delay per message. Use standard queues')
      : native(MAX_SEND_DELAY_MS, 'DelaySeconds: 15 minutes; longer ones are put back on arrival'),
    maxReleaseDelayMs: fifo
      ? native(FIFO_RELEASE_MS, 'visibility, 12 hours from the receive; one of them is left for having been held')
      : emulated(
          MAX_VISIBILITY_MS,
          'visibility; as a copy, 15 minutes by DelaySeconds and the rest by visibility on arrival, by the clock of the worker',
        ),
    delayGrainMs: native(1_000, 'whole seconds, rounded up'),
    maxDelayed: native(
      fifo ? 20_000 : 120_000,
      'beyond 15 minutes and on FIFO, messages wait in flight: 120 000 per standard queue (a quota), 20 000 per FIFO queue; shorter ones without limit',
    ),
    dueClock: native('broker', 'DelaySeconds and visibility count on the servers'),
    ordering: fifo
      ? native('key', 'message group; a group waits while one of its messages is leased')
      : unsupported('none', 'standard queues have no order. Use `fifo`'),
    dedupe: unsupported(
      'none',
      fifo
        ? 'SQS counts 5 minutes from the send, whatever became of the message, and answers a swallowed one like a stored one: an id sent again after its completion would vanish. So each send gets an id of its own, and a resend may be stored twice'
        : 'standard queues keep no ids; a resend after an unknown answer may be stored twice',
    ),
    reportsDuplicates: unsupported(false, 'see dedupe'),
    unique: unsupported([], 'nothing in SQS can be asked for a key'),
    transactions: unsupported(false, 'SQS has none'),
    browse: unsupported(false, 'reading is leasing'),
    exclusive: unsupported(false, 'SQS does not know its consumers'),
    purge: native('all', 'PurgeQueue: waiting, delayed and leased; once a minute and up to a minute long on AWS'),
    maxBodyBytes: native(
      MAX_BODY_BYTES,
      `1 MiB of message, less ${ATTRIBUTE_ROOM} bytes for our attributes; also the limit of a whole batch, which is split`,
    ),
    sendBatch: native(BATCH, 'entries of SendMessageBatch; longer batches are split and sent side by side'),
    receivers: native(1, 'one consumer runs as many polls side by side as are asked for'),
    retentionMs: native(RETENTION_MS, 'the longest that SQS has; counted anew from every copy'),
  })
}
