import { ChaosError } from '../run/chaos-error.ts'
import type { Plan, PlanSizes } from './plan.ts'

const SIZES: readonly (keyof PlanSizes)[] = [
  'jobs',
  'workers',
  'concurrency',
  'leaseMs',
  'kills',
  'freezes',
  'lapses',
  'stops',
  'brokerKills',
]
const GOALS: readonly (keyof Plan['goals'])[] = ['kills', 'freezes', 'overlaps', 'gracefulStops', 'brokerKills']
const POINTS: readonly unknown[] = ['start', 'effect', 'handled']
const KINDS: readonly unknown[] = ['kill', 'freeze', 'lapse', 'stop', 'broker-kill']

/** A stored plan, read strictly; throws ChaosError `usage` that names the field. */
export function decodePlan(value: unknown): Plan {
  const plan = fieldsOf(value, 'plan', ['v', 'seed', 'sizes', 'faults', 'goals'])
  if (plan.v !== 1) bad('plan.v', 'must be 1', plan.v)
  count(plan.seed, 'plan.seed')
  const sizes = fieldsOf(plan.sizes, 'plan.sizes', SIZES)
  for (const field of SIZES) count(sizes[field], `plan.sizes.${field}`)
  for (const field of ['jobs', 'workers', 'concurrency', 'leaseMs']) {
    if (sizes[field] === 0) bad(`plan.sizes.${field}`, 'must be at least 1', 0)
  }
  const goals = fieldsOf(plan.goals, 'plan.goals', GOALS)
  for (const field of GOALS) count(goals[field], `plan.goals.${field}`)
  if (!Array.isArray(plan.faults)) bad('plan.faults', 'must be a list', plan.faults)
  const ids = new Set<unknown>()
  for (const [index, fault] of (plan.faults as readonly unknown[]).entries()) {
    ids.add(checkFault(fault, `plan.faults[${index}]`))
    if (ids.size !== index + 1) bad(`plan.faults[${index}].id`, 'is used twice', (fault as { id: unknown }).id)
  }
  return value as Plan
}

/** Fields of a fault beside `id`, `do` and `at`. */
const MORE: Readonly<Record<string, readonly string[]>> = {
  freeze: ['leases'],
  'broker-kill': ['downMs', 'flushFirst'],
}

/** Nobody is served meanwhile; a longer outage is another kind of run. */
const MOST_DOWN_MS = 60_000

function checkFault(value: unknown, where: string): unknown {
  const kind = typeof value === 'object' && value !== null && 'do' in value ? String(value.do) : ''
  const more = Object.hasOwn(MORE, kind) ? (MORE[kind] ?? []) : []
  const fault = fieldsOf(value, where, ['id', 'do', 'at', ...more])
  if (typeof fault.id !== 'string' || fault.id === '') bad(`${where}.id`, 'must be text', fault.id)
  if (!KINDS.includes(fault.do)) bad(`${where}.do`, `must be one of ${KINDS.join(', ')}`, fault.do)
  if (kind === 'freeze' && !(typeof fault.leases === 'number' && fault.leases > 0 && fault.leases <= 100)) {
    bad(`${where}.leases`, 'must be a number of leases above 0, at most 100', fault.leases)
  }
  if (kind === 'broker-kill') {
    count(fault.downMs, `${where}.downMs`)
    if ((fault.downMs as number) > MOST_DOWN_MS) bad(`${where}.downMs`, `must be at most ${MOST_DOWN_MS}`, fault.downMs)
    if (typeof fault.flushFirst !== 'boolean') bad(`${where}.flushFirst`, 'must be true or false', fault.flushFirst)
  }
  const at = fieldsOf(fault.at, `${where}.at`, ['point', 'nth'])
  if (!POINTS.includes(at.point)) bad(`${where}.at.point`, `must be one of ${POINTS.join(', ')}`, at.point)
  // At an effect the sink waits, not the handler: there is nobody to hold.
  if (fault.do === 'lapse' && at.point === 'effect')
    bad(`${where}.at.point`, 'of a lapse must be start or handled', at.point)
  count(at.nth, `${where}.at.nth`)
  return fault.id
}

function fieldsOf(value: unknown, where: string, fields: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return bad(where, 'must be an object', value)
  for (const field of Object.keys(value)) {
    if (!fields.includes(field)) bad(`${where}.${field}`, `is not known; known: ${fields.join(', ')}`, '')
  }
  return value as Readonly<Record<string, unknown>>
}

function count(value: unknown, where: string): void {
  if (!Number.isSafeInteger(value) || (value as number) < 0) bad(where, 'must be a whole number >= 0', value)
}

function bad(where: string, problem: string, value: unknown): never {
  const shown = value === '' ? '' : `, not ${(JSON.stringify(value) ?? 'missing').slice(0, 80)}`
  throw new ChaosError('usage', `${where} ${problem}${shown}.`)
}
