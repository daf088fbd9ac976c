import type { Capabilities, Capability } from '@switchyard/core/adapter'
import { alive } from '../alive.ts'
import type { Case } from '../case.ts'
import { check, same } from '../check.ts'
import { manifestJson } from '../report.ts'

type Domain = (value: unknown) => boolean

const oneOf =
  (...all: readonly unknown[]): Domain =>
  (value) =>
    all.includes(value)
const atLeast =
  (least: number): Domain =>
  (value) =>
    typeof value === 'number' && value >= least
const scopes: Domain = (value) => Array.isArray(value) && value.every((one) => SCOPES.includes(one))
const SCOPES: readonly unknown[] = ['queued', 'active', 'window']
const flag = oneOf(true, false)
const way = oneOf('atomic', 'composed')

/** Seam, `Capabilities`: every key and what it may say. */
const DOMAINS: Readonly<Record<keyof Capabilities, Domain>> = {
  survives: oneOf('nothing', 'process', 'broker-kill', 'power-loss'),
  lease: oneOf('timed', 'connection'),
  minLeaseMs: atLeast(0),
  maxLeaseMs: atLeast(1),
  maxLapseLateMs: atLeast(0),
  fenced: flag,
  note: oneOf('atomic', 'composed', 'unsupported'),
  retry: way,
  release: way,
  move: way,
  lapses: oneOf('exact', 'over', 'none'),
  maxDelayMs: atLeast(0),
  maxReleaseDelayMs: atLeast(0),
  delayGrainMs: atLeast(0),
  maxDelayed: atLeast(0),
  dueClock: oneOf('broker', 'client'),
  ordering: oneOf('none', 'queue', 'key'),
  dedupe: oneOf('none', 'while-queued', 'window'),
  reportsDuplicates: flag,
  unique: scopes,
  transactions: flag,
  browse: flag,
  exclusive: flag,
  purge: oneOf('all', 'ready'),
  maxBodyBytes: atLeast(1),
  sendBatch: atLeast(1),
  receivers: atLeast(1),
  retentionMs: atLeast(1),
}

/** A22. Core decides by the manifest before the first job: a key that is missing or misspelt is a promise that nobody checks. */
export const manifest: Case = {
  id: 'A22',
  title: 'the manifest has every capability and no other, each with a legal value and its reason, and never changes',
  async run(bench) {
    const { capabilities } = bench
    await alive(bench)
    same(Object.keys(capabilities).sort(), Object.keys(DOMAINS).sort(), 'capabilities of the manifest')
    for (const [name, domain] of Object.entries(DOMAINS)) {
      const { value, support, why } = capabilities[name as keyof Capabilities] as Capability<unknown>
      check(domain(value), `${name}: ${JSON.stringify(value) ?? String(value)} is not a legal value`)
      check(['native', 'emulated', 'unsupported'].includes(support), `${name}: support is ${JSON.stringify(support)}`)
      check(typeof why === 'string' && why.trim() !== '', `${name}: the reason (why) is missing`)
      if (support === 'unsupported')
        check(isEmpty(value), `${name}: declared unsupported, but its value is ${JSON.stringify(value)}`)
    }
    check(
      capabilities.minLeaseMs.value <= capabilities.maxLeaseMs.value,
      `minLeaseMs ${capabilities.minLeaseMs.value} is above maxLeaseMs ${capabilities.maxLeaseMs.value}`,
    )
    check(
      capabilities.dedupe.value !== 'none' || !capabilities.reportsDuplicates.value,
      'reportsDuplicates, although dedupe is none',
    )
    const before = printed(capabilities)
    const other = await bench.open()
    same(printed(other.capabilities), before, 'manifest of a second connection')
    same(other.name, bench.adapter.name, 'name of a second connection')
    await other.close()
    same(printed(other.capabilities), before, 'manifest after close')
  },
}

/** One line per capability, so that the failure names what differs. */
function printed(manifest: Capabilities): string[] {
  return Object.entries(manifestJson(manifest) ?? {}).map(([name, declared]) => `${name} ${JSON.stringify(declared)}`)
}

function isEmpty(value: unknown): boolean {
  return (
    [0, 1, false, 'none', 'nothing', 'unsupported'].includes(value as never) ||
    (Array.isArray(value) && value.length === 0)
  )
}
