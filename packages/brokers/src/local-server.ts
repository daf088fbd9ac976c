import { randomBytes } from 'node:crypto'
import { chown, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Guard } from './guard.ts'
import type { ProgramSpec } from './guard-protocol.ts'
import { maskSecrets } from './mask-secrets.ts'
import type { BrokerKind, BrokerRung, RunningBroker } from './running-broker.ts'
import type { ServiceUser } from './service-user.ts'

/** Where an instance lives; given to a recipe. */
export interface InstanceSite {
  /** Random letters and digits that name this instance. */
  readonly id: string
  /** Data folder; belongs to `user`. */
  readonly dir: string
  readonly user: ServiceUser
  /** Runs a program to its end under the guard. Rejects with the tail of its output. */
  run(program: Omit<ProgramSpec, 'logFile' | 'cwd'>): Promise<void>
}

/** What a recipe makes of a site: the programs to start, in order, and how to see that the server answers. */
export interface ServerPlan {
  readonly url: string
  /** Started once, before the server, and not touched by `kill` (epmd). */
  readonly helpers: readonly Omit<ProgramSpec, 'logFile' | 'cwd'>[]
  readonly server: Omit<ProgramSpec, 'name' | 'logFile' | 'cwd'>
  /** Asks the server for its version; rejects while it does not answer. */
  probe(): Promise<string>
  /** Once, after the first start. */
  prepare?(): Promise<void>
  /** See RunningBroker.flush. */
  flush?(): Promise<void>
  readonly endSignal: NodeJS.Signals
  readonly readyMs: number
}

/** How to run one kind of server. */
export interface ServerRecipe {
  readonly kind: BrokerKind
  readonly rung: BrokerRung
  /** System users to run as when we are root, best first. */
  readonly users: readonly ServiceUser[]
  plan(site: InstanceSite): Promise<ServerPlan>
}

const END_GRACE_MS = 10_000
const PROBE_PAUSE_MS = 30

/** A server that we started as a process of this machine. */
export class LocalServer implements RunningBroker {
  readonly kind: BrokerKind
  readonly rung: BrokerRung
  readonly controllable = true
  readonly dataDir: string
  readonly url: string
  readonly #guard: Guard
  readonly #plan: ServerPlan
  #version = ''
  #up = false
  #stopped = false
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(recipe: ServerRecipe, dir: string, guard: Guard, plan: ServerPlan) {
    this.kind = recipe.kind
    this.rung = recipe.rung
    this.dataDir = dir
    this.url = plan.url
    this.#guard = guard
    this.#plan = plan
  }

  /** Makes a data folder below `parentDir` (default: the system's temporary folder) and starts the server in it. */
  static async start(recipe: ServerRecipe, options: { readonly parentDir?: string }): Promise<LocalServer> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await LocalServer.#startOnce(recipe, options)
      } catch (error) {
        // between our look and the server's bind somebody else may take the port
        const taken = error instanceof Error && /address (already )?in use|eaddrinuse/i.test(error.message)
        if (!taken || tries === 3) throw error
      }
    }
  }

  static async #startOnce(recipe: ServerRecipe, options: { readonly parentDir?: string }): Promise<LocalServer> {
    const dir = await mkdtemp(join(options.parentDir ?? tmpdir(), `switchyard-${recipe.kind}-`))
    const id = randomBytes(6).toString('hex')
    const user = recipe.users[0] ?? {}
    const guard = await Guard.launch(dir, id)
    try {
      if (user.uid !== undefined && user.gid !== undefined) await chown(dir, user.uid, user.gid)
      const run = async (program: Omit<ProgramSpec, 'logFile' | 'cwd'>): Promise<void> => {
        const spec = { ...program, ...user, cwd: dir, logFile: join(dir, `${program.name}.log`) }
        await guard.call({ op: 'run', program: spec, deadlineMs: 60_000 }).catch(async (error: Error) => {
          throw new Error(`${error.message}${await tail(spec.logFile)}`)
        })
      }
      const plan = await recipe.plan({ id, dir, user, run })
      const server = new LocalServer(recipe, dir, guard, plan)
      for (const helper of plan.helpers) await server.#spawn({ ...user, ...helper })
      await server.#launch(user)
      await plan.prepare?.()
      return server
    } catch (error) {
      await guard.call({ op: 'close' }).catch(() => undefined) // the first error is the one to tell
      throw error
    }
  }

  get version(): string {
    return this.#version
  }

  flush(): Promise<void> {
    return this.#inTurn(async () => this.#plan.flush?.())
  }

  kill(): Promise<void> {
    return this.#inTurn(async () => {
      this.#up = false
      await this.#guard.call({ op: 'kill', name: 'server' })
    })
  }

  restart(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#up) await this.#end()
      await this.#launch(this.#plan.server)
    })
  }

  pause(): Promise<void> {
    return this.#inTurn(() => this.#guard.call({ op: 'pause', name: 'server' }))
  }

  resume(): Promise<void> {
    return this.#inTurn(() => this.#guard.call({ op: 'resume', name: 'server' }))
  }

  stop(): Promise<void> {
    return this.#after(async () => {
      if (this.#stopped) return
      this.#stopped = true
      await this.#end()
      await this.#guard.call({ op: 'close' })
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #end(): Promise<void> {
    this.#up = false
    await this.#guard.call({ op: 'end', name: 'server', signal: this.#plan.endSignal, graceMs: END_GRACE_MS })
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    return this.#after(async () => {
      if (this.#stopped)
        throw new Error(`the ${this.kind} broker at ${maskSecrets(this.url)} was stopped; start a new one`)
      return step()
    })
  }

  #after<T>(step: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(step, step)
    this.#turn = mine.catch(() => undefined) // told to whoever made that call
    return mine
  }

  #spawn(program: Omit<ProgramSpec, 'logFile' | 'cwd'>): Promise<void> {
    const spec = { ...program, cwd: this.dataDir, logFile: join(this.dataDir, `${program.name}.log`) }
    return this.#guard.call({ op: 'start', program: spec })
  }

  /** Starts the server and waits until it answers, ends, or the time is over. */
  async #launch(user: ServiceUser): Promise<void> {
    let ended: string | undefined
    const unlisten = this.#guard.onEnd('server', (how) => {
      ended = how
    })
    try {
      await this.#spawn({ ...this.#plan.server, ...pickUser(user), name: 'server' })
      this.#up = true
      const deadline = performance.now() + this.#plan.readyMs
      for (;;) {
        try {
          this.#version = await this.#plan.probe()
          return
        } catch (error) {
          const late = performance.now() > deadline
          if (ended === undefined && !late) {
            await sleep(PROBE_PAUSE_MS)
            continue
          }
          const why = ended === undefined ? `did not answer within ${this.#plan.readyMs} ms` : `ended: ${ended}`
          throw new Error(`the ${this.kind} server ${why}${await tail(join(this.dataDir, 'server.log'))}`, {
            cause: error,
          })
        }
      }
    } finally {
      unlisten()
    }
  }
}

function pickUser(user: ServiceUser): ServiceUser {
  return user.uid === undefined || user.gid === undefined ? {} : { uid: user.uid, gid: user.gid }
}

async function tail(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const lines = text.trimEnd().split('\n').slice(-12).join('\n')
  return lines === '' ? '' : `\n${maskSecrets(lines)}`
}
