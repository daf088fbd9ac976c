import type { ExpectedEffect, Goals, HistoryEvent, HistoryFact, HistoryStamp } from './history-event.ts'

/** A history that cannot be judged: a bad line, a gap, a file of the wrong process. Names file and line. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError'
}

type Check<Value> = (value: unknown) => value is Value
type Shape<Fact> = { readonly [Field in Exclude<keyof Fact, 'kind'>]-?: Check<Fact[Field]> }

const text: Check<string> = (value): value is string => typeof value === 'string'
const flag: Check<boolean> = (value): value is boolean => typeof value === 'boolean'
const count: Check<number> = (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const measure: Check<number> = (value): value is number => typeof value === 'number' && Number.isFinite(value)
const integer: Check<number> = (value): value is number => Number.isSafeInteger(value)

function orNull<Value>(check: Check<Value>): Check<Value | null> {
  return (value): value is Value | null => value === null || check(value)
}

function oneOf<const Values extends readonly string[]>(...values: Values): Check<Values[number]> {
  return (value): value is Values[number] => (values as readonly unknown[]).includes(value)
}

function listOf<Value>(check: Check<Value>): Check<readonly Value[]> {
  return (value): value is readonly Value[] => Array.isArray(value) && value.every(check)
}

function exactly<Value extends object>(
  shape: { readonly [Field in keyof Value]-?: Check<Value[Field]> },
): Check<Value> {
  const fields = Object.entries(shape) as [string, Check<unknown>][]
  return (value): value is Value => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    const record = value as Record<string, unknown>
    return (
      Object.keys(record).length === fields.length &&
      fields.every(([field, check]) => Object.hasOwn(record, field) && check(record[field]))
    )
  }
}

const settleKind = oneOf('complete', 'retry', 'release', 'move')
const faultKind = oneOf('kill', 'freeze', 'thaw', 'lapse', 'stop', 'broker', 'broker-up', 'network')
const goals = exactly<Goals>({
  kills: count,
  freezes: count,
  overlaps: count,
  gracefulStops: count,
  brokerKills: count,
})
const expected = exactly<ExpectedEffect>({ sink: text, key: text })

const STAMP: Shape<HistoryStamp> = { proc: text, epoch: count, seq: count, atMs: measure, wallMs: measure }

/** One entry per kind; the compiler holds it to the interfaces. */
const FACTS: { readonly [Kind in HistoryFact['kind']]: Shape<Extract<HistoryFact, { kind: Kind }>> } = {
  run: {
    run: text,
    seed: integer,
    broker: text,
    lease: oneOf('timed', 'connection'),
    leaseMs: measure,
    composed: flag,
    dedupe: flag,
    maxLapses: count,
    stopWithinMs: measure,
    goals,
  },
  'enqueue.invoke': {
    n: count,
    job: orNull(text),
    name: text,
    queue: text,
    digest: text,
    effects: listOf(expected),
    maxAttempts: count,
  },
  'enqueue.ok': { n: count, job: text, duplicate: flag },
  'enqueue.fail': { n: count, error: text },
  'enqueue.unknown': { n: count, job: orNull(text), error: text },
  deliver: { lease: text, job: orNull(text), message: text, queue: text, lapses: orNull(count), ageMs: measure },
  'handler.start': {
    execution: text,
    n: orNull(count),
    job: text,
    name: text,
    queue: text,
    attempt: count,
    lapses: orNull(count),
    digest: orNull(text),
  },
  'handler.end': {
    execution: text,
    job: text,
    outcome: oneOf('returned', 'threw'),
    aborted: orNull(text),
    error: orNull(text),
  },
  effect: { sink: text, key: text, token: orNull(text), applied: flag, job: orNull(text), pid: orNull(count) },
  'settle.invoke': { lease: text, job: orNull(text), message: text, settle: settleKind, to: orNull(text) },
  'settle.result': {
    lease: text,
    job: orNull(text),
    message: text,
    settle: settleKind,
    result: oneOf('settled', 'lost', 'unknown', 'error'),
    error: orNull(text),
  },
  extend: {
    lease: text,
    job: orNull(text),
    result: oneOf('settled', 'lost', 'unknown', 'error', 'forged'),
    tookMs: measure,
  },
  'lease.lost': { lease: text, job: orNull(text), message: text },
  'worker.start': { pid: count, concurrency: count },
  'worker.stopping': {},
  'worker.stop': { open: count },
  'worker.exit': {
    worker: text,
    workerEpoch: count,
    code: orNull(integer),
    signal: orNull(text),
    expected: flag,
  },
  'fault.inject': { fault: text, type: faultKind, worker: orNull(text), workerEpoch: orNull(count), because: text },
  'fault.hit': {
    fault: text,
    type: faultKind,
    worker: orNull(text),
    workerEpoch: orNull(count),
    jobs: listOf(text),
  },
  census: { queue: text, role: oneOf('queue', 'dead'), count: orNull(count), exact: flag, jobs: orNull(listOf(text)) },
  mark: { name: text },
}

/** Every kind of event, in the order of the schema. */
export const EVENT_KINDS: readonly HistoryFact['kind'][] = Object.keys(FACTS) as HistoryFact['kind'][]

/**
 * Reads one line strictly: unknown kinds, unknown, missing or mistyped fields throw HistoryError, because a
 * judge that skips what it does not understand acquits.
 */
export function decodeEvent(line: string): HistoryEvent {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new HistoryError(`not JSON: ${quote(line)}`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HistoryError(`not an object: ${quote(line)}`)
  }
  const record = value as Record<string, unknown>
  const kind = record.kind
  if (typeof kind !== 'string' || !Object.hasOwn(FACTS, kind)) {
    throw new HistoryError(`unknown event kind ${quote(String(kind))}`)
  }
  const shape: Record<string, Check<unknown>> = { ...STAMP, ...FACTS[kind as HistoryFact['kind']] }
  for (const [field, check] of Object.entries(shape)) {
    if (!Object.hasOwn(record, field)) throw new HistoryError(`${kind}: field ${quote(field)} is missing`)
    if (!check(record[field])) {
      throw new HistoryError(`${kind}: field ${quote(field)} cannot be ${quote(JSON.stringify(record[field]))}`)
    }
  }
  for (const field of Object.keys(record)) {
    if (field !== 'kind' && !Object.hasOwn(shape, field)) {
      throw new HistoryError(`${kind}: field ${quote(field)} is not known`)
    }
  }
  return value as HistoryEvent
}

function quote(value: string): string {
  return JSON.stringify(value.length > 120 ? `${value.slice(0, 120)}…` : value)
}
