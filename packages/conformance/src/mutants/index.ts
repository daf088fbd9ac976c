import { administeringMutants } from './administering.ts'
import { boundingMutants } from './bounding.ts'
import { crowdingMutants } from './crowding.ts'
import { declaringMutants } from './declaring.ts'
import type { Mutant } from './mutant.ts'
import { outageMutants } from './outages.ts'
import { receivingMutants } from './receiving.ts'
import { sendingMutants } from './sending.ts'
import { settlingMutants } from './settling.ts'

export type { Mutant } from './mutant.ts'
export type { Hooks, Scene } from './sabotage.ts'
export { sabotage } from './sabotage.ts'

/** Every deliberately broken adapter: each must be caught by the clauses that it names, each clause must catch one. */
export const mutants: readonly Mutant[] = [
  ...sendingMutants,
  ...receivingMutants,
  ...settlingMutants,
  ...outageMutants,
  ...administeringMutants,
  ...declaringMutants,
  ...crowdingMutants,
  ...boundingMutants,
]
