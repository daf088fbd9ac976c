import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type ErrorPlace, InvalidPayloadError, type PayloadIssue } from '../errors.ts'
import { isThenable } from '../runtime/is-thenable.ts'

/**
 * Runs a Standard Schema; gives its output, or throws InvalidPayloadError with every issue. Asynchronous schemas work, with
 * any thenable. What the schema itself throws passes through: it says nothing about the payload.
 */
export function validate<Output>(
  schema: StandardSchemaV1<unknown, Output>,
  payload: unknown,
  place: ErrorPlace,
): Output | Promise<Output> {
  const result = schema['~standard'].validate(payload)
  if (!isThenable(result)) return outputOf(result, place)
  return Promise.resolve(result).then((settled) => outputOf(settled, place))
}

function outputOf<Output>(result: StandardSchemaV1.Result<Output>, place: ErrorPlace): Output {
  if (result.issues === undefined) return result.value
  const issues = result.issues.map(
    (issue): PayloadIssue => ({ path: (issue.path ?? []).map(segment).join('.'), message: issue.message }),
  )
  const list = issues.map((issue) => (issue.path === '' ? issue.message : `${issue.path}: ${issue.message}`)).join('; ')
  throw new InvalidPayloadError(`job ${JSON.stringify(place.job ?? '?')}: payload refused: ${list}`, place, issues)
}

function segment(part: PropertyKey | StandardSchemaV1.PathSegment): string {
  return String(typeof part === 'object' ? part.key : part)
}
