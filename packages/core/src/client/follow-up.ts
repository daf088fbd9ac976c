import { copyId } from '../adapter/copy-id.ts'
import { EnqueueError } from '../errors.ts'
import type { OnDead } from '../job/define-job.ts'
import type { Emitter } from '../observe/emitter.ts'
import type { Decision } from '../policy/decide.ts'
import type { Opened } from '../policy/settlement.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Producer } from './producer.ts'

/** Waits between tries while the broker does not take the follow-up; together well below the default lease, which is kept. */
const WAITS_MS: readonly number[] = [100, 500, 2_000, 5_000]

/**
 * Enqueues the `onDead` job of a dead one, before its letter is moved: a worker that dies in between does both again, and the
 * id, made from the dead job's, makes no second. What can never be enqueued is reported, and the letter moves all the same:
 * a wrong follow-up must not keep a dead job alive. Never rejects.
 */
export async function followUp<Tx>(
  parts: { readonly producer: Producer<Tx>; readonly emitter: Emitter; readonly clock: Clock; readonly broker: string },
  dead: { readonly opened: Opened; readonly decision: Decision; readonly onDead: OnDead },
): Promise<void> {
  const { opened, decision, onDead } = dead
  const { envelope } = opened
  if (decision.kind !== 'dead' || envelope === null) return
  const { producer, clock, emitter, broker } = parts
  const { attempts, failures } = decision.note
  const record = { reason: decision.reason, at: clock.now(), attempts, lapses: opened.delivery.lapses, failures }
  for (let tries = 0; ; tries++) {
    try {
      const payload: unknown = onDead.payload({ jobId: envelope.id, payload: envelope.payload, record })
      await producer.enqueue(onDead.job, payload, {
        id: copyId(envelope.id, `on-dead:${envelope.replays ?? 0}`),
        correlationId: envelope.correlationId ?? envelope.id,
      })
      return
    } catch (error) {
      const waitMs = WAITS_MS[tries]
      if (waitMs === undefined || !(error instanceof EnqueueError && (error.retryable || error.maybeApplied))) {
        const message = `onDead of ${envelope.job} (${envelope.id}) could not enqueue ${onDead.job.name}: ${text(error)}`
        emitter.emit('broker.fault', { broker, code: 'on-dead', message })
        return
      }
      await clock.sleep(waitMs)
    }
  }
}

function text(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : `a thrown ${typeof error}`
}
