/** One of those that take turns. */
export interface Turn {
  readonly weight: number
  /** Carried over from round to round: what it is owed. */
  credit: number
}

/**
 * Picks whose turn it is among `eligible`, in proportion to weights: each gets its weight as credit, the richest is picked and
 * pays the sum (smooth weighted round robin, nginx `ngx_http_upstream_round_robin`, a deficit round robin with quantum 1).
 * Nothing starves: a waiting one's credit grows every turn. Returns null when none is eligible.
 */
export function nextTurn<Item extends Turn>(eligible: readonly Item[]): Item | null {
  let picked: Item | null = null
  let sum = 0
  for (const turn of eligible) {
    turn.credit += turn.weight
    sum += turn.weight
    if (picked === null || turn.credit > picked.credit) picked = turn
  }
  if (picked !== null) picked.credit -= sum
  return picked
}
