import type { Delivery } from '../adapter/adapter.ts'
import { EnvelopeError, UnknownJobError } from '../errors.ts'
import type { AnyJob } from '../job/define-job.ts'
import { decodeEnvelope, type Envelope, NewerEnvelopeError } from '../job/envelope.ts'
import type { Handler } from '../job/handler.ts'
import { currentPayload } from '../job/upcast.ts'
import { forbidsRepeats, type Outcome } from '../policy/decide.ts'
import { decodeNote, EMPTY_NOTE } from '../policy/note.ts'
import type { Opened } from '../policy/settlement.ts'

/** A delivery that a handler can run, or the outcome that it has without one. */
export type OpenResult =
  | { readonly opened: Opened & { readonly envelope: Envelope }; readonly handler: Handler; readonly payload: unknown }
  | { readonly opened: Opened; readonly definition: AnyJob | null; readonly outcome: Outcome }

/** Reads body and note and decides whether a handler may run. `queue` is the user's queue that the message lay in. */
export function openDelivery(
  delivery: Delivery,
  handlers: ReadonlyMap<string, Handler>,
  queue: string,
  now: number,
): OpenResult {
  const note = decodeNote(delivery.note)
  let opened: Opened = { delivery, envelope: null, note: note ?? EMPTY_NOTE, queue }
  let definition: AnyJob | null = null
  try {
    const envelope = decodeEnvelope(delivery.message.body)
    opened = { ...opened, envelope }
    if (note === null) throw new EnvelopeError('the note of this job cannot be read: it was changed by something else')
    // A job that no handler here knows waits for its time, too: what is put back too early would start too early.
    const notBefore = note === EMPTY_NOTE ? (envelope.notBefore ?? 0) : note.notBefore
    if (notBefore > now) return { opened, definition, outcome: { kind: 'early', notBefore } }
    if (note.buried !== undefined) return { opened, definition, outcome: { kind: 'buried', reason: note.buried } }
    const handler = handlers.get(envelope.job)
    if (handler === undefined) {
      throw new UnknownJobError(
        `no handler for job ${JSON.stringify(envelope.job)} on this worker of queue ${JSON.stringify(queue)}; ` +
          `it handles ${[...handlers.keys()].join(', ')}. Deploy one, or give the job its own queue`,
        { job: envelope.job, queue, jobId: envelope.id },
      )
    }
    definition = handler.definition
    const most = definition.retry.maxLapses
    if (delivery.lapses !== null && delivery.lapses > most) {
      return { opened, definition, outcome: { kind: 'crash-loop', lapses: delivery.lapses } }
    }
    if (delivery.lapses !== null && delivery.lapses > 0 && forbidsRepeats(circumstances(definition))) {
      return { opened, definition, outcome: { kind: 'lapsed', lapses: delivery.lapses } }
    }
    return { opened: { ...opened, envelope }, handler, payload: currentPayload(definition, envelope) }
  } catch (error) {
    return { opened, definition, outcome: outcomeOf(error) }
  }
}

function circumstances({ retry, key, idempotent }: AnyJob) {
  return { policy: retry, repeatable: key !== null || idempotent }
}

function outcomeOf(error: unknown): Outcome {
  const later = error instanceof UnknownJobError || error instanceof NewerEnvelopeError
  return later ? { kind: 'unknown', error } : { kind: 'poison', error }
}
