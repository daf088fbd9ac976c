import type { BrokerErrorCode, Message, Settlement } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import type { MemoryQueue } from './memory-queue.ts'
import type { Rules } from './rules.ts'

/** Seam, `Settlement`. */
const MAX_NOTE_BYTES = 4_096

/** The error of one message or settlement. */
export function refusal(queue: string, code: BrokerErrorCode, message: string): BrokerError {
  return new BrokerError({ code, adapter: 'memory', queue, message })
}

/** Why the manifest forbids this message, or null. Nothing is shortened to fit. */
export function refuseMessage(queue: string, message: Message, rules: Rules): BrokerError | null {
  const { delayMs, orderKey, unique, body } = message
  if (delayMs !== 0) {
    if (!(delayMs >= 0)) return refusal(queue, 'invalid', `delayMs must be a number >= 0, not ${delayMs}`)
    if (delayMs > rules.maxDelayMs)
      return refusal(queue, 'unsupported', `delayMs ${delayMs} is above maxDelayMs ${rules.maxDelayMs}`)
  }
  if (orderKey !== undefined && rules.ordering !== 'key')
    return refusal(queue, 'unsupported', `orderKey needs ordering "key"; declared is ${JSON.stringify(rules.ordering)}`)
  if (unique !== undefined) {
    const scope = 'while' in unique ? unique.while : 'window'
    if (!rules.unique.includes(scope))
      return refusal(queue, 'unsupported', `unique scope ${scope} is not declared: [${rules.unique.join(', ')}]`)
  }
  // A UTF-16 unit takes 3 bytes at most, so that short bodies need no count.
  if (body.length * 3 > rules.maxBodyBytes && Buffer.byteLength(body) > rules.maxBodyBytes)
    return refusal(
      queue,
      'too-large',
      `the body has ${Buffer.byteLength(body)} bytes, maxBodyBytes is ${rules.maxBodyBytes}`,
    )
  return null
}

/** Why the manifest forbids this retry or release, or null. */
export function refuseSettlement(
  queue: MemoryQueue,
  settlement: Extract<Settlement, { kind: 'retry' | 'release' }>,
  rules: Rules,
): BrokerError | null {
  const { delayMs, note, kind } = settlement
  const { name } = queue.spec
  if (delayMs !== 0) {
    if (!(delayMs >= 0)) return refusal(name, 'invalid', `delayMs of ${kind} must be a number >= 0, not ${delayMs}`)
    if (delayMs > rules.maxReleaseDelayMs)
      return refusal(
        name,
        'unsupported',
        `delayMs ${delayMs} of ${kind} is above maxReleaseDelayMs ${rules.maxReleaseDelayMs}`,
      )
    if (queue.delayed.size >= rules.maxDelayed) return tooManyDelayed(name, rules)
  }
  if (note === undefined) return null
  if (rules.note === 'unsupported')
    return refusal(name, 'unsupported', `${kind} cannot carry a note: declared unsupported`)
  if (note.length * 3 > MAX_NOTE_BYTES && Buffer.byteLength(note) > MAX_NOTE_BYTES)
    return refusal(name, 'too-large', `the note has ${Buffer.byteLength(note)} bytes, at most ${MAX_NOTE_BYTES}`)
  return null
}

/** The queue holds as many delayed messages as the manifest allows. */
export function tooManyDelayed(queue: string, rules: Rules): BrokerError {
  return refusal(
    queue,
    'full',
    `it holds maxDelayed ${rules.maxDelayed} delayed messages already; send without a delay or later`,
  )
}
