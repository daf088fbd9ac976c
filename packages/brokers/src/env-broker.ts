import { askSqs } from './fauxqs-server.ts'
import { askPostgres } from './postgres-server.ts'
import { askRabbit } from './rabbitmq-server.ts'
import { askRedis } from './redis-server.ts'
import { RungAbsent } from './rung-absent.ts'
import type { BrokerKind, RunningBroker } from './running-broker.ts'

const ASK: Readonly<Record<BrokerKind, (url: string) => Promise<string>>> = {
  redis: askRedis,
  rabbitmq: askRabbit,
  sqs: askSqs,
  postgres: askPostgres,
}

/** The variable with the address of a broker to be used as it is. */
export function envName(kind: BrokerKind): string {
  return `SWITCHYARD_TEST_${kind.toUpperCase()}_URL`
}

/** The broker at the address in the environment: somebody else's, never ended by us. Rejects when it does not answer. */
export async function envBroker(kind: BrokerKind): Promise<RunningBroker> {
  const url = process.env[envName(kind)]
  if (url === undefined || url === '') throw new RungAbsent(`${envName(kind)} is not set`)
  const version = await ASK[kind](url).catch((error: unknown) => {
    const why = error instanceof Error ? error.message || error.name : String(error)
    throw new Error(`the server of ${envName(kind)} does not answer (${why}). Start it, or unset the variable`)
  })
  const refuse = (what: string) => async (): Promise<void> => {
    throw new Error(
      `will not ${what} the ${kind} broker of ${envName(kind)}: it is not ours. Unset it for a private one`,
    )
  }
  const leave = async (): Promise<void> => {}
  return {
    kind,
    url,
    version,
    rung: 'env',
    controllable: false,
    dataDir: undefined,
    flush: leave,
    kill: refuse('kill'),
    restart: refuse('restart'),
    pause: refuse('pause'),
    resume: refuse('resume'),
    stop: leave,
    [Symbol.asyncDispose]: leave,
  }
}
