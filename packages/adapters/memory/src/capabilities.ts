import type { Capabilities, Capability } from '@switchyard/core/adapter'
import { BrokerError, native, unsupported } from '@switchyard/core/adapter'

/** Every capability as a bare value. */
export type CapabilityValues = { readonly [Name in keyof Capabilities]: Capabilities[Name]['value'] }

/** All that memory can do, and what it cannot. */
const FULL: Capabilities = {
  survives: native('nothing', 'a Map in this process; the end of the process loses it'),
  lease: native('timed', 'ends by the broker clock unless extended'),
  minLeaseMs: native(1, 'one tick of the clock'),
  maxLeaseMs: native(Infinity, 'a number'),
  maxLapseLateMs: native(0, 'a timer for the next end, and every call looks first'),
  fenced: native(true, 'the receipt is the lease itself, by identity'),
  note: native('atomic', 'one assignment'),
  retry: native('atomic', 'one synchronous step'),
  release: native('atomic', 'one synchronous step'),
  move: native('atomic', 'one synchronous step over both queues'),
  lapses: native('exact', 'counted where a lease ends unsettled; handing back counts nothing'),
  maxDelayMs: native(Infinity, 'a heap by due time; Clock.schedule chains long timers'),
  maxReleaseDelayMs: native(Infinity, 'the same heap'),
  delayGrainMs: native(1, 'timers are whole milliseconds'),
  maxDelayed: native(Infinity, 'as much as fits into memory'),
  dueClock: native('broker', 'the clock of the first adapter that opened the broker'),
  ordering: native('key', 'one line per key; its head keeps the rest back, leased, retried or delayed'),
  dedupe: native('window', 'ids are remembered while queued and dedupeMs beyond completion'),
  reportsDuplicates: native(true, 'the lookup is the same step as the send'),
  unique: native(['queued', 'active', 'window'], 'checked in the same step as the send'),
  transactions: unsupported(false, 'there is no database to share'),
  browse: native(true, 'reads the structures in place'),
  exclusive: native(true, 'a flag on the queue'),
  purge: native('all', 'ready, delayed and leased'),
  maxBodyBytes: native(Infinity, 'a JavaScript string'),
  sendBatch: native(Infinity, 'a loop'),
  receivers: native(1, 'one event loop'),
  retentionMs: native(Infinity, 'nothing is dropped by age'),
}

/** Which values memory can play; anything else is refused rather than pretended. */
const CHOICES: { readonly [Name in keyof Capabilities]?: readonly unknown[] } = {
  survives: ['nothing'],
  lease: ['timed', 'connection'],
  fenced: [true, false],
  note: ['atomic', 'composed', 'unsupported'],
  retry: ['atomic', 'composed'],
  release: ['atomic', 'composed'],
  move: ['atomic', 'composed'],
  lapses: ['exact', 'over', 'none'],
  dueClock: ['broker', 'client'],
  ordering: ['none', 'queue', 'key'],
  dedupe: ['none', 'while-queued', 'window'],
  reportsDuplicates: [true, false],
  transactions: [false],
  browse: [true, false],
  exclusive: [true, false],
  purge: ['all', 'ready'],
}

const EMPTY: ReadonlySet<unknown> = new Set([0, false, 'none', 'unsupported'])

/** The manifest with some values replaced; each is really kept afterwards. Throws `invalid` for what memory cannot play. */
export function declareCapabilities(overrides: Partial<CapabilityValues>): Capabilities {
  const manifest: Record<string, Capability<unknown>> = { ...FULL }
  for (const [name, value] of Object.entries(overrides)) {
    const full = (FULL as unknown as Readonly<Record<string, Capability<unknown>>>)[name]
    if (full === undefined)
      throw invalid(`capabilities.${name} is no capability; there are ${Object.keys(FULL).join(', ')}`)
    const choices = CHOICES[name as keyof Capabilities]
    if (choices !== undefined && !choices.includes(value))
      throw invalid(
        `capabilities.${name} can be ${choices.map((one) => JSON.stringify(one)).join(' or ')}, not ${JSON.stringify(value)}`,
      )
    if (typeof full.value === 'number' && !(typeof value === 'number' && value >= 0))
      throw invalid(`capabilities.${name} must be a number >= 0 (Infinity: no limit), not ${String(value)}`)
    if (name === 'unique') checkScopes(value)
    const none = EMPTY.has(value) || (Array.isArray(value) && value.length === 0)
    const why = 'set by memory({ capabilities })'
    manifest[name] = none ? unsupported(value, why) : native(value, why)
  }
  return manifest as unknown as Capabilities
}

/**
 * What memory can play of another adapter's manifest, for `memory({ capabilities: imitate(manifest) })`: all of it but
 * durability and transactions.
 */
export function imitate(manifest: Capabilities): Partial<CapabilityValues> {
  const values = Object.entries(manifest)
    .filter(([name]) => name !== 'survives' && name !== 'transactions')
    .map(([name, { value }]: [string, Capability<unknown>]) => [name, value])
  return Object.fromEntries(values) as Partial<CapabilityValues>
}

function checkScopes(value: unknown): void {
  const scopes: readonly unknown[] = ['queued', 'active', 'window']
  if (!Array.isArray(value) || !value.every((scope) => scopes.includes(scope)))
    throw invalid(`capabilities.unique must be a list of ${scopes.join(', ')}, not ${JSON.stringify(value)}`)
}

/** Wrong configuration: names the option and the way out. */
export function invalid(message: string, queue?: string): BrokerError {
  return new BrokerError({ code: 'invalid', adapter: 'memory', message, ...(queue === undefined ? {} : { queue }) })
}
