import type { Delivery, Message, Settlement } from '../adapter/adapter.ts'
import type { Capabilities } from '../adapter/capabilities.ts'
import { copyId } from '../adapter/copy-id.ts'
import { deadName } from '../adapter/queue-names.ts'
import type { Envelope } from '../job/envelope.ts'
import { ENVELOPE_VERSION, encodeEnvelope } from '../job/envelope.ts'
import { UUID, uuidV5 } from '../runtime/uuid.ts'
import type { Decision } from './decide.ts'
import { encodeNote, type Note } from './note.ts'

/** One lease with what core read from it; `envelope` null when the body could not be decoded. */
export interface Opened {
  readonly delivery: Delivery
  readonly envelope: Envelope | null
  /** The note as it came: an unchanged one is not written again, so that an adapter may settle in place. */
  readonly note: Note
  /** The user's queue. */
  readonly queue: string
}

/** Turns a decision into the seam's words, within the broker's limits. Pure. */
export function toSettlement(decision: Decision, opened: Opened, capabilities: Capabilities, now: number): Settlement {
  const { delivery } = opened
  switch (decision.kind) {
    case 'complete':
      return { kind: 'complete', delivery }
    case 'retry':
    case 'release': {
      // A longer delay than the broker holds: as much as it takes; on arrival `notBefore` says how much is left.
      const most = capabilities.maxReleaseDelayMs.value
      const delayMs = Math.min(decision.delayMs, most)
      const rest = delayMs < decision.delayMs
      const note =
        rest && decision.note.notBefore === 0 ? { ...decision.note, notBefore: now + decision.delayMs } : decision.note
      // Where a broker cannot keep a changed note, what it would say is not known: that is declared, not refused.
      if (note === opened.note || capabilities.note.value === 'unsupported')
        return { kind: decision.kind, delivery, delayMs }
      return { kind: decision.kind, delivery, delayMs, note: encodeNote(note) }
    }
    case 'dead':
      return { kind: 'move', delivery, to: deadName(opened.queue), message: deadMessage(decision, opened, now) }
  }
}

/** Namespace for job ids of foreign messages that have no UUID; drawn once at random and fixed for ever. */
const FOREIGN_NAMESPACE = '0b0f6a0e-9d5e-4f0b-8d43-5a8f6f7f3f52'

/** The message for the dead queue: the envelope with its dead record; an undecodable body is kept raw inside one. */
export function deadMessage(decision: Decision & { readonly kind: 'dead' }, opened: Opened, now: number): Message {
  const { delivery, envelope } = opened
  const record = {
    reason: decision.reason,
    at: now,
    attempts: decision.note.attempts,
    lapses: delivery.lapses,
    failures: decision.note.failures,
    ...(envelope === null ? { raw: delivery.message.body } : {}),
  }
  const { id: brokerId } = delivery.message
  const carrier: Envelope = envelope ?? {
    v: ENVELOPE_VERSION,
    id: UUID.test(brokerId) ? brokerId : uuidV5(FOREIGN_NAMESPACE, brokerId),
    job: UNDECODABLE,
    queue: opened.queue,
    priority: 'normal',
    payloadVersion: 1,
    payload: null,
    enqueuedAt: now,
  }
  return {
    id: copyId(carrier.id, `dead:${carrier.replays ?? 0}`),
    name: carrier.job,
    body: encodeEnvelope({ ...carrier, dead: record }),
    delayMs: 0,
  }
}

/**
 * The same move with as little as possible beside the job, for a broker that finds the first too large: the last failure in
 * short, no earlier deaths; a body that is no envelope goes as it came.
 */
export function smallerMove(
  decision: Decision & { readonly kind: 'dead' },
  opened: Opened,
  now: number,
): Extract<Settlement, { kind: 'move' }> {
  const { delivery, envelope, note, queue } = opened
  const to = deadName(queue)
  if (envelope === null) {
    const message = { ...deadMessage(decision, opened, now), body: delivery.message.body }
    return { kind: 'move', delivery, to, message }
  }
  const failures = decision.note.failures.slice(-1).map((failure) => {
    const { stack: _dropped, ...rest } = failure
    return { ...rest, message: rest.message.slice(0, SHORT_CHARS) }
  })
  const { past: _dropped, ...rest } = envelope
  const small = { ...decision, note: { ...decision.note, failures } }
  return { kind: 'move', delivery, to, message: deadMessage(small, { delivery, envelope: rest, note, queue }, now) }
}

const SHORT_CHARS = 200

/** Job name of a dead letter whose body could not be decoded; no definition can have it. */
export const UNDECODABLE = '(undecodable)'
