import type { CrashPoint, Plan, PlannedFault, PlanSizes } from './plan.ts'
import { seededChance } from './seeded-chance.ts'

/** The sizes of the demo: enough kills, freezes and second deliveries to meet the goals with some to spare. */
export const DEMO_SIZES: PlanSizes = {
  jobs: 500,
  workers: 3,
  concurrency: 4,
  leaseMs: 1_500,
  kills: 12,
  freezes: 2,
  lapses: 12,
  stops: 2,
  brokerKills: 0,
}

/** Faults fall into this part of the run: it must be warm before, and must be able to heal after. */
const FROM = 0.04
const UNTIL = 0.8

/** Points at which each fault may strike, with their weights. A lapse needs a handler that can be held. */
const POINTS: Readonly<Record<PlannedFault['do'], readonly CrashPoint[]>> = {
  kill: ['start', 'effect', 'effect', 'handled', 'handled'],
  freeze: ['effect', 'handled', 'handled'],
  lapse: ['start', 'handled', 'handled', 'handled'],
  stop: ['start', 'handled'],
  'broker-kill': ['start', 'effect', 'handled', 'handled'],
}

/** A broker stays away for so long, and as long as it takes to start. */
const DOWN_MS = { least: 200, most: 1_500 }

/** What the plan must know of the broker that it is for. */
export interface PlanBroker {
  /** See the fault `broker-kill`. */
  readonly flushFirst?: boolean
  /** A second delivery while the first handler runs can be made by lost renewals. Elsewhere only the broker's end makes one. */
  readonly timedLease?: boolean
}

/**
 * Draws a plan. Throws RangeError for sizes that cannot hold their faults: every fault needs progress of its own, and a worker
 * that replaces a killed one needs some to be alive.
 */
export function planFromSeed(seed: number, sizes: Partial<PlanSizes> = {}, broker: PlanBroker = {}): Plan {
  const { flushFirst = false, timedLease = true } = broker
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`A seed is a whole number >= 0, not ${seed}.`)
  const wanted: PlanSizes = { ...DEMO_SIZES, ...sizes }
  const all = timedLease ? wanted : { ...wanted, lapses: 0 }
  const kinds: PlannedFault['do'][] = [
    ...Array<'kill'>(all.kills).fill('kill'),
    ...Array<'freeze'>(all.freezes).fill('freeze'),
    ...Array<'lapse'>(all.lapses).fill('lapse'),
    ...Array<'stop'>(all.stops).fill('stop'),
    // Last, so that plans without them are what they were.
    ...Array<'broker-kill'>(all.brokerKills).fill('broker-kill'),
  ]
  const room = Math.floor(all.jobs * (UNTIL - FROM))
  if (kinds.length > room) {
    throw new RangeError(
      `${kinds.length} faults need more than ${all.jobs} jobs; ask for at least ${Math.ceil(kinds.length / (UNTIL - FROM))}.`,
    )
  }
  const chance = seededChance(seed)
  shuffle(kinds, chance)
  const from = Math.ceil(all.jobs * FROM)
  const step = room / Math.max(1, kinds.length)
  const counts = new Map<string, number>()
  const faults = kinds.map((kind, index): PlannedFault => {
    // One slice of the run each, so that faults are spread and still differ from seed to seed.
    const nth = from + Math.floor((index + chance()) * step)
    const at = { point: pick(POINTS[kind], chance), nth }
    const number = (counts.get(kind) ?? 0) + 1
    counts.set(kind, number)
    const id = `${kind}-${number}`
    if (kind === 'freeze') return { id, do: kind, at, leases: 1.5 + chance() }
    if (kind !== 'broker-kill') return { id, do: kind, at }
    const downMs = Math.round(DOWN_MS.least + chance() * (DOWN_MS.most - DOWN_MS.least))
    return { id, do: kind, at, downMs, flushFirst }
  })
  return { v: 1, seed, sizes: all, faults, goals: goalsOf(all, timedLease) }
}

/** What must be reached of what is planned: most of it, since the last faults may meet a worker that is just dying. */
function goalsOf(sizes: PlanSizes, timedLease: boolean): Plan['goals'] {
  const most = (planned: number) => Math.floor(planned * 0.84)
  return {
    kills: most(sizes.kills),
    freezes: Math.ceil(sizes.freezes / 2),
    // Handlers that are held over an outage: at least one of each.
    overlaps: timedLease ? most(sizes.lapses) : sizes.brokerKills,
    gracefulStops: Math.min(1, sizes.stops),
    // The broker is always there to be hit.
    brokerKills: sizes.brokerKills,
  }
}

function pick<Item>(items: readonly Item[], chance: () => number): Item {
  return items[Math.floor(chance() * items.length)] as Item
}

/** Fisher and Yates. */
function shuffle<Item>(items: Item[], chance: () => number): void {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(chance() * (last + 1))
    const held = items[last] as Item
    items[last] = items[other] as Item
    items[other] = held
  }
}
