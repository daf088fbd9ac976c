import type { Case } from '../case.ts'
import { outage } from '../outage.ts'

/** A14. */
export const restart: Case = {
  id: 'A14',
  title: 'a broker killed and started again keeps what the manifest says it survives, and jobs flow within 15 s',
  async run(bench) {
    const { survives } = bench.capabilities
    const keeps = survives.value === 'broker-kill' || survives.value === 'power-loss'
    await outage(bench, bench.hook('restart'), { keeps })
  },
}
