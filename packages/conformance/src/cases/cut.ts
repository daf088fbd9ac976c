import type { Case } from '../case.ts'
import { outage } from '../outage.ts'

/** A13. */
export const cut: Case = {
  id: 'A13',
  title: 'a cut connection loses nothing accepted, doubles nothing without a cause, and jobs flow again within 15 s',
  run: async (bench) => outage(bench, bench.hook('cut'), { keeps: true }),
}
