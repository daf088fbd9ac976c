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
}

/**
 * Draws a plan. Throws RangeError for sizes that cannot hold their faults: every fault needs progress of its own, and a worker
 * that replaces a killed one needs some to be alive.
 */
export function planFromSeed(seed: number, sizes: Partial<PlanSizes> = {}): Plan {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`A seed is a whole number >= 0, not ${seed}.`)
  const all: PlanSizes = { ...DEMO_SIZES, ...sizes }
  const kinds: PlannedFault['do'][] = [
    ...Array<'kill'>(all.kills).fill('kill'),
    ...Array<'freeze'>(all.freezes).fill('freeze'),
    ...Array<'lapse'>(all.lapses).fill('lapse'),
    ...Array<'stop'>(all.stops).fill('stop'),
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
    return kind === 'freeze' ? { id, do: kind, at, leases: 1.5 + chance() } : { id, do: kind, at }
  })
  return { v: 1, seed, sizes: all, faults, goals: goalsOf(all) }
}

/** What must be reached of what is planned: most of it, since the last faults may meet a worker that is just dying. */
function goalsOf(sizes: PlanSizes): Plan['goals'] {
  const most = (planned: number) => Math.floor(planned * 0.84)
  return {
    kills: most(sizes.kills),
    freezes: Math.ceil(sizes.freezes / 2),
    overlaps: most(sizes.lapses),
    gracefulStops: Math.min(1, sizes.stops),
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
