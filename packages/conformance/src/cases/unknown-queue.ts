import { alive } from '../alive.ts'
import type { Case } from '../case.ts'
import { refused } from '../check.ts'

/** A40. A misspelt queue is an error, not an empty queue. */
export const unknownQueue: Case = {
  id: 'A40',
  title: 'consume, stats, purge and browse of a queue that nobody declared fail as not-found',
  async run(bench) {
    const { adapter, longLeaseMs } = bench
    await alive(bench)
    const nowhere = `${await bench.queue()}-nowhere`
    await refused(adapter.consume(nowhere, { leaseMs: longLeaseMs, prefetch: 0, lost() {} }), ['not-found'], 'consume')
    await refused(adapter.stats(nowhere), ['not-found'], 'stats')
    await refused(adapter.purge(nowhere), ['not-found'], 'purge')
    if (adapter.browse !== undefined)
      await refused(adapter.browse(nowhere, { state: 'ready', cursor: null, limit: 1 }), ['not-found'], 'browse')
  },
}
