import { type Capabilities, emulated, native, unsupported } from '@switchyard/core/adapter'
import { longestDelayMs } from './delay-route.ts'
import type { Target } from './options.ts'

/** RabbitMQ 4's default `max_message_size`; 3.x takes 128 MiB. One limit for both, so that an upgrade refuses nothing. */
export const MAX_BODY_BYTES: number = 16 * 1_024 * 1_024

/** What RabbitMQ with quorum queues keeps; figures were measured on 3.10.8 (Debian 12), one node. */
export function rabbitmqCapabilities({ heartbeatSeconds, consumerTimeoutMs, delayUnitMs }: Target): Capabilities {
  const longest = longestDelayMs(delayUnitMs)
  const chain = `chain of shared quorum queues, one per bit of the delay in ${delayUnitMs} ms; about 2 ms and one Raft write per bit that is set`
  const composed = 'the copy is confirmed, then the original acknowledged: a crash between the two doubles the message'
  return Object.freeze<Capabilities>({
    survives: native(
      'power-loss',
      'quorum queues write to disk before they confirm; on one node as safe as that disk. Before 3.13, sends to a queue just made by us wait 1.5 s',
    ),
    lease: native('connection', 'a message stays unacknowledged until settled or until its channel ends'),
    minLeaseMs: native(1, 'leases are not timed'),
    maxLeaseMs: native(
      consumerTimeoutMs,
      'the server closes a channel that holds a message longer than its consumer_timeout',
    ),
    maxLapseLateMs: native(
      3_000 * heartbeatSeconds,
      'a cut is noticed at once, a peer that vanished silently after three heartbeats',
    ),
    fenced: native(
      true,
      'a delivery tag is worth nothing on another channel; stale receipts answer lost without a call',
    ),
    note: emulated('composed', `header of the copy; ${composed}`),
    retry: emulated('composed', composed),
    release: emulated('composed', composed),
    move: emulated('composed', composed),
    lapses: native(
      'over',
      'x-delivery-count also counts hand-backs (at most two of them per message; further ones go back as copies)',
    ),
    maxDelayMs: emulated(longest, chain),
    maxReleaseDelayMs: emulated(longest, chain),
    delayGrainMs: emulated(
      500,
      `steps of ${delayUnitMs} ms, rounded up, and 2-3 ms for each of up to 28 hops; the rest is for a loaded server`,
    ),
    maxDelayed: native(Number.POSITIVE_INFINITY, 'limited by disk; about 3 000 a second leave the chain at once'),
    dueClock: native('broker', 'message TTL'),
    ordering: native('queue', 'FIFO while one consumer takes; retried, released and delayed messages go to the end'),
    dedupe: unsupported('none', 'quorum queues keep no ids; a resend after an unknown answer may be stored twice'),
    reportsDuplicates: unsupported(false, 'see dedupe'),
    unique: unsupported([], 'nothing in the server can be asked for a key'),
    transactions: unsupported(false, 'AMQP transactions do not reach a database'),
    browse: unsupported(false, 'reading is leasing; an exclusive consumer can lease, look and give back'),
    exclusive: emulated(
      true,
      'a lock queue of one connection, which all our consumers respect; other programs do not (quorum queues ignore the exclusive flag)',
    ),
    purge: native('ready', 'leased messages and those in the shared delay chain stay'),
    maxBodyBytes: native(MAX_BODY_BYTES, 'default max_message_size of RabbitMQ 4'),
    sendBatch: emulated(1_000, 'AMQP publishes one by one; the confirms of a batch are awaited together'),
    receivers: native(1, 'one channel with a wide window is faster than several'),
    retentionMs: native(Number.POSITIVE_INFINITY, 'no TTL on job queues'),
  })
}
