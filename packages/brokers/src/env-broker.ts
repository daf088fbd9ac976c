import { askPostgres } from './postgres-server.ts'
import { askRabbit } from './rabbitmq-server.ts'
import type { BrokerKind, RunningBroker } from './running-broker.ts'

const ASK: Partial<Record<BrokerKind, (url: string) => Promise<string>>> = {
  postgres: askPostgres,
  rabbitmq: askRabbit,
}

/** A broker that somebody else runs: only its address is known, and we never end it. Rejects when it does not answer. */
export async function envBroker(kind: BrokerKind, url: string): Promise<RunningBroker> {
  const version = (await ASK[kind]?.(url)) ?? 'unknown'
  const refuse = (what: string) => async (): Promise<void> => {
    throw new Error(
      `will not ${what} the ${kind} broker of the environment: it is not ours. Unset SWITCHYARD_TEST_${kind.toUpperCase()}_URL for a private one`,
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
    kill: refuse('kill'),
    restart: refuse('restart'),
    pause: refuse('pause'),
    resume: refuse('resume'),
    stop: leave,
    [Symbol.asyncDispose]: leave,
  }
}
