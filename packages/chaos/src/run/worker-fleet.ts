import { type ChildProcess, fork } from 'node:child_process'
import type { Clock } from '@switchyard/core/adapter'
import type { ChildMessage, ChildOrders, HarnessMessage } from '../worker/control-messages.ts'
import { ORDERS_ENV } from '../worker/control-messages.ts'
import { ChaosError } from './chaos-error.ts'
import { ChildLife } from './child-life.ts'
import { allGone, type Fleet, type FleetOptions, whoRuns } from './fleet.ts'

/** So many deaths that were not ours mean that the program cannot run at all. */
const MAX_CRASHES = 5
const TAIL_CHARS = 2_000

const ENTRY = new URL(
  import.meta.url.endsWith('.ts') ? '../worker/child-main.ts' : '../worker/child-main.js',
  import.meta.url,
)

/** Workers as processes of their own: what the rest of a run should look like to a broker. */
export class WorkerFleet implements Fleet {
  readonly lives: Set<ChildLife> = new Set()
  readonly #options: FleetOptions
  readonly #epochs = new Map<string, number>()
  readonly #atExit = (): void => this.killAll()
  #crashes = 0
  #replacing = true

  constructor(options: FleetOptions) {
    this.#options = options
    process.on('exit', this.#atExit)
  }

  start(proc: string): ChildLife {
    const epoch = this.#epochs.get(proc) ?? 0
    this.#epochs.set(proc, epoch + 1)
    const life = this.#spawn('worker', proc, epoch)
    this.lives.add(life)
    return life
  }

  async produce(): Promise<void> {
    const life = this.#spawn('producer', 'producer', 0)
    this.lives.add(life)
    await life.gone
  }

  byPid(pid: number | null): ChildLife | undefined {
    return pid === null ? undefined : [...this.lives].find((life) => life.child?.pid === pid)
  }

  runningJob(job: string): ChildLife | undefined {
    return whoRuns(this.lives, job)
  }

  send(life: ChildLife, message: HarnessMessage): void {
    // A child that is just being killed cannot be told anything; its exit tells us.
    if (life.child?.connected) life.child.send(message, () => {})
  }

  signal(life: ChildLife, signal: NodeJS.Signals): void {
    if (!life.ended) life.child?.kill(signal)
  }

  async retire(clock: Clock, withinMs: number): Promise<void> {
    this.#replacing = false
    for (const life of this.lives) {
      life.stopping = true
      this.signal(life, 'SIGTERM')
    }
    await allGone(this.lives, clock, withinMs)
  }

  async end(): Promise<void> {
    const gone = [...this.lives].map((life) => life.gone)
    this.killAll()
    await Promise.all(gone)
    process.off('exit', this.#atExit)
  }

  /** Sends SIGKILL to everything that is left; the last thing to do when the harness itself ends. */
  killAll(): void {
    this.#replacing = false
    for (const life of this.lives) {
      life.killed = true
      this.signal(life, 'SIGKILL')
    }
  }

  #spawn(role: ChildOrders['role'], proc: string, epoch: number): ChildLife {
    const { orders, env, onMessage } = this.#options
    const whole: ChildOrders = { ...orders, role, proc, epoch }
    const child = fork(ENTRY, [], {
      env: { ...process.env, ...env, [ORDERS_ENV]: JSON.stringify(whole), NODE_NO_WARNINGS: '1' },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    const life = new ChildLife(proc, epoch, orders.concurrency, child)
    const tail = tailOf(child)
    child.on('message', (message) => onMessage(life, message as ChildMessage))
    child.once('error', (cause) =>
      this.#options.onTrouble(new ChaosError('harness', `${proc} cannot be started`, cause)),
    )
    child.once('exit', (code, signal) => this.#ended(life, role, { code, signal, tail: tail() }))
    return life
  }

  #ended(life: ChildLife, role: ChildOrders['role'], how: Ending): void {
    const { history, onExit, onTrouble } = this.#options
    const { proc, epoch } = life
    this.lives.delete(life)
    const { code, signal } = how
    // A worker that is told to stop before it listens dies of the signal: our doing as well.
    const expected = life.killed || (code === 0 && signal === null) || (life.stopping && signal === 'SIGTERM')
    history.write({ kind: 'worker.exit', worker: proc, workerEpoch: epoch, code, signal, expected })
    life.end()
    onExit(life)
    if (!expected) {
      this.#crashes += 1
      const words = `${proc}.${epoch} ended by itself (${signal ?? `code ${code}`}): ${how.tail}`
      if (role === 'producer' || this.#crashes >= MAX_CRASHES) {
        this.#replacing = false
        onTrouble(new ChaosError('harness', words))
      }
    }
    if (role === 'worker' && this.#replacing) this.start(proc)
  }
}

interface Ending {
  readonly code: number | null
  readonly signal: string | null
  readonly tail: string
}

function tailOf(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-TAIL_CHARS)
  })
  return () => text.trim()
}
