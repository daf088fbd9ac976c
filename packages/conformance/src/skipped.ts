import type { CaseStatus } from './case.ts'

/** What a test framework shows as skipped, with its reason: only what is not the adapter's fault. An adapter that never connected is red. */
export const SKIPPED: ReadonlySet<CaseStatus> = new Set(['unverified', 'not-applicable', 'deviation'])
