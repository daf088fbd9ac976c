import type { Capabilities } from '@switchyard/core/adapter'
import type { CaseResult, CaseStatus } from './case.ts'
import { CASE_STATUSES } from './case.ts'
import type { Json } from './subject.ts'
import { SUITE_DIGEST } from './suite-digest.ts'

/** The name and version of the saved form. */
export const REPORT_SCHEMA = 'switchyard-conformance/1'

/** The outcome of one run against one broker: plain data, the same in memory and in a file. */
export interface Report {
  readonly schema: typeof REPORT_SCHEMA
  readonly subject: string
  /** What judged: the digest covers every case and mutant, so that reports of different suites cannot be mixed up. */
  readonly suite: { readonly digest: string; readonly clauses: number }
  readonly broker: { readonly version: string | null }
  /** What the adapter declared (Infinity as text); null when no connection was made. */
  readonly manifest: Json
  readonly environment: { readonly node: string; readonly platform: string; readonly startedAt: string }
  readonly run: { readonly only: readonly string[] | null; readonly repeat: number; readonly seed: number | null }
  /** True when clauses were left out. */
  readonly partial: boolean
  readonly results: readonly CaseResult[]
  readonly counts: Readonly<Record<CaseStatus, number>>
  /** Hooks of the target that a full run never called: misspelt, or not needed. */
  readonly unusedHooks: readonly string[]
  /** Lines that the adapter or the subject printed on standard output. */
  readonly printed: number
  /** True when nothing failed, nothing is unverified, and every hook was used. */
  readonly ok: boolean
}

/** What a runner knows at the end. */
export interface ReportParts extends Pick<Report, 'subject' | 'run' | 'results' | 'unusedHooks' | 'printed'> {
  readonly brokerVersion: string | null
  readonly manifest: Json
  readonly startedAt: Date
  /** How many clauses there are. */
  readonly clauses: number
}

const HARMLESS: ReadonlySet<CaseStatus> = new Set(['passed', 'not-applicable', 'deviation'])

/** Puts a report together and judges it. */
export function reportOf(parts: ReportParts): Report {
  const { subject, run, results, brokerVersion, manifest, startedAt, clauses, printed } = parts
  const partial = results.length < clauses
  const unusedHooks = partial ? [] : parts.unusedHooks
  const counts = Object.fromEntries(CASE_STATUSES.map((status) => [status, 0])) as Record<CaseStatus, number>
  for (const { status } of results) counts[status] += 1
  return {
    schema: REPORT_SCHEMA,
    subject,
    suite: { digest: SUITE_DIGEST, clauses },
    broker: { version: brokerVersion },
    manifest,
    environment: {
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
      startedAt: startedAt.toISOString(),
    },
    run,
    partial,
    results,
    counts,
    unusedHooks,
    printed,
    ok: results.every(({ status }) => HARMLESS.has(status)) && unusedHooks.length === 0,
  }
}

/** A manifest as JSON: `Infinity`, which JSON does not have, becomes the text "Infinity". */
export function manifestJson(manifest: Capabilities | null): Json {
  if (manifest === null) return null
  return JSON.parse(JSON.stringify(manifest, (_, value: unknown) => (value === Infinity ? 'Infinity' : value))) as Json
}

/** A report as it is saved: JSON with short lists on one line, as formatters write them. */
export function reportText(report: Report): string {
  const text = JSON.stringify(report, null, 2)
  const inline = text.replace(/\[\n\s+("[^"\n]*"(?:,\n\s+"[^"\n]*")*)\n\s+\]/g, (_, items: string) => {
    return `[${items.replace(/\n\s+/g, ' ')}]`
  })
  return `${inline}\n`
}
