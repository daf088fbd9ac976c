import type { Capabilities } from '@switchyard/core/adapter'
import type { CapabilityValues } from './capabilities.ts'

/** The manifest as bare values, read once: what the hot path looks at. */
export type Rules = CapabilityValues

/** Unwraps a manifest. */
export function rulesOf(capabilities: Capabilities): Rules {
  const values = Object.entries(capabilities).map(([name, { value }]) => [name, value])
  return Object.fromEntries(values) as Rules
}
