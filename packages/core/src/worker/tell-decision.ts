import type { Emitter } from '../observe/emitter.ts'
import type { RunEvent } from '../observe/events.ts'
import type { Decision, Outcome } from '../policy/decide.ts'
import type { Opened } from '../policy/settlement.ts'

/** Emits the one event that a settled decision is. */
export function tellDecision(
  services: { readonly emitter: Emitter; factsOf(opened: Opened): RunEvent },
  opened: Opened,
  decision: Decision,
  outcome: Outcome,
  ms: number,
): void {
  const { emitter } = services
  switch (decision.kind) {
    case 'complete':
      if (emitter.wanted('job.completed')) emitter.emit('job.completed', { ...services.factsOf(opened), ms })
      return
    case 'retry':
      emitter.emit('job.retried', {
        ...services.factsOf(opened),
        ms,
        delayMs: decision.delayMs,
        failure: decision.failure,
      })
      return
    case 'release':
      if (outcome.kind === 'unknown') {
        const message = outcome.error instanceof Error ? outcome.error.message : String(outcome.error)
        const { putBacks } = decision.note
        emitter.emit('job.put-back', { ...services.factsOf(opened), putBacks, message, delayMs: decision.delayMs })
        return
      }
      emitter.emit('job.released', { ...services.factsOf(opened), why: whyOf(outcome), delayMs: decision.delayMs })
      return
    case 'dead': {
      const failure = decision.note.failures.at(-1) ?? null
      emitter.emit('job.dead', { ...services.factsOf(opened), reason: decision.reason, failure })
    }
  }
}

/** The seam's word for a decision. */
export function wantedBy(decision: Decision): 'complete' | 'retry' | 'release' | 'move' {
  return decision.kind === 'dead' ? 'move' : decision.kind
}

function whyOf(outcome: Outcome): 'snooze' | 'interrupted' | 'early' | 'unstarted' {
  switch (outcome.kind) {
    case 'interrupted':
    case 'early':
    case 'unstarted':
      return outcome.kind
    default:
      return 'snooze'
  }
}
