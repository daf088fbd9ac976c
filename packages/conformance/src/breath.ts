/**
 * One turn of the event loop. Loops of the suite take one per round, because an adapter under test may answer without ever
 * waiting, and then no timer, not even the deadline of the case, would run.
 */
export function breath(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
