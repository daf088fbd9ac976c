import type { CaseResult } from '../case.ts'
import { CASE_STATUSES } from '../case.ts'
import type { Report } from '../report.ts'
import { REPORT_SCHEMA } from '../report.ts'

/** A saved report. Throws TypeError with what is wrong: not JSON, another schema, results that the suite cannot have written. */
export function readReport(text: string, where: string): Report {
  const parsed = parse(text, where) as Partial<Report> | null
  if (parsed?.schema !== REPORT_SCHEMA)
    throw new TypeError(
      `${where} is no report of schema ${REPORT_SCHEMA}: its schema is ${JSON.stringify(parsed?.schema)}`,
    )
  const { results } = parsed
  if (!Array.isArray(results) || !results.every(isResult))
    throw new TypeError(`${where} has results that no run can have`)
  return parsed as Report
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new TypeError(`${where} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

function isResult(value: unknown): value is CaseResult {
  if (typeof value !== 'object' || value === null) return false
  const { id, status, title } = value as Partial<CaseResult>
  return typeof id === 'string' && typeof title === 'string' && CASE_STATUSES.some((one) => one === status)
}
