import { type RetryPolicy, retryPolicy } from '../job/retry-policy.ts'

let cached: RetryPolicy | null = null

/** The defaults, for deliveries whose definition this worker does not know. */
export function policyWithout(): RetryPolicy {
  cached ??= retryPolicy({}, { job: '(unknown)' })
  return cached
}
