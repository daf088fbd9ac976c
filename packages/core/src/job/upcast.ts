import { EnvelopeError, UnknownJobError } from '../errors.ts'
import type { AnyJob } from './define-job.ts'
import type { Envelope } from './envelope.ts'

/** Brings an envelope's payload to the definition's version; UnknownJobError when the job is newer than the definition. */
export function currentPayload(definition: AnyJob, envelope: Envelope): unknown {
  const place = { job: definition.name, queue: definition.queue, jobId: envelope.id }
  if (envelope.payloadVersion > definition.payloadVersion) {
    throw new UnknownJobError(
      `job ${JSON.stringify(definition.name)}: payload version ${envelope.payloadVersion} is newer than this worker's ` +
        `${definition.payloadVersion}; deploy the newer definition`,
      place,
    )
  }
  let payload: unknown = envelope.payload
  for (let version = envelope.payloadVersion; version < definition.payloadVersion; version++) {
    const step = definition.upcast[version]
    if (step === undefined) {
      throw new EnvelopeError(`job ${JSON.stringify(definition.name)}: no upcaster from version ${version}`, place)
    }
    payload = step(payload)
  }
  return payload
}
