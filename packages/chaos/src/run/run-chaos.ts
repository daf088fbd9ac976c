import { mkdirSync, rmSync } from 'node:fs'
import { arch, cpus, release, type } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type HistoryFact, HistoryWriter, judge, readHistory } from '@switchyard/conformance/history'
import { DEFAULTS, maskedUrl, silentLogger, systemClock } from '@switchyard/core'
import type { Adapter, AdapterFactory } from '@switchyard/core/adapter'
import { brokerOfApp, wholeBrokerUrl } from '../app/broker-of-app.ts'
import { type ChaosApp, loadChaosApp } from '../app/chaos-app.ts'
import { decodePlan } from '../plan/decode-plan.ts'
import type { Plan, PlanSizes } from '../plan/plan.ts'
import { planFromSeed } from '../plan/plan-from-seed.ts'
import type { ChaosRun } from '../report/chaos-run.ts'
import type { KillableBroker } from './broker-outage.ts'
import { ChaosError } from './chaos-error.ts'
import { ABORT_GRACE_MS, Harness, type HarnessParts, STOP_GRACE_MS } from './harness.ts'
import type { RunProgress } from './run-progress.ts'
import { countOf, queuesOf } from './take-census.ts'

/** What to run, against what, and where to write. */
export interface ChaosOptions {
  /** Path or file URL of the module that exports `chaosApp`. */
  readonly app: string
  /** Broker URL. Its queues of this app must be empty. */
  readonly broker: string
  /** The same broker, if it was started for this run: then the plan may kill it. Its URL stays what it is. */
  readonly server?: KillableBroker
  readonly seed: number
  /** Sizes that differ from the demo's. */
  readonly sizes?: Partial<PlanSizes>
  /** A stored plan instead of one from the seed. */
  readonly plan?: Plan
  /** Folder of this run: `history/`, `report.html`, `results.json`, `plan.json`. Those of an earlier run are replaced. */
  readonly dir: string
  /** Which handlers the app shall run. */
  readonly variant: string
  /** The exact command that does it again, for the report. */
  readonly command?: string
  /** Longest time from the start to rest (default 180 s); past it the verdict is inconclusive at best. */
  readonly deadlineMs?: number
  readonly onProgress?: (progress: RunProgress) => void
  /** Ends the run at once; it then rejects. */
  readonly signal?: AbortSignal
}

/**
 * Carries out a plan on real processes, waits until everything has come to rest, takes the census, and judges the recorded
 * history. Rejects with ChaosError when there is nothing to judge: wrong use, a broker in use, a harness that failed.
 */
export async function runChaos(given: ChaosOptions): Promise<ChaosRun> {
  const options = { ...given, broker: wholeBrokerUrl(given.broker) }
  const startedAt = Date.now()
  const appUrl = moduleUrl(options.app)
  const app = await loadChaosApp(appUrl)
  const historyDir = join(options.dir, 'history')
  mkdirSync(options.dir, { recursive: true })
  rmSync(historyDir, { recursive: true, force: true })
  const { run, plan } = await execute({ options, app, appUrl, historyDir, startedAt })
  const history = readHistory(historyDir)
  return {
    run,
    title: app.title,
    variant: options.variant,
    broker: maskedUrl(options.broker),
    seed: plan.seed,
    command: options.command ?? `seed ${plan.seed}`,
    plan,
    history,
    judgement: judge(history),
    startedAt,
    tookMs: Date.now() - startedAt,
    environment: {
      node: process.version,
      system: `${type()} ${release()} ${arch()}`,
      processors: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    },
  }
}

type Execution = Pick<HarnessParts, 'options' | 'app' | 'appUrl' | 'historyDir' | 'startedAt'>

/** Everything between an open broker and a complete history. */
async function execute(parts: Execution): Promise<{ readonly run: string; readonly plan: Plan }> {
  const { options, app, historyDir, startedAt } = parts
  const factory = await brokerOfApp(options.broker, parts.appUrl)
  const adapter = await openAdapter(factory)
  try {
    const plan = options.plan === undefined ? planFor(adapter, options) : decodePlan(options.plan)
    if (options.server === undefined && plan.faults.some((fault) => fault.do === 'broker-kill')) {
      throw new ChaosError(
        'usage',
        'The plan kills the broker, which was not started for this run: name its kind instead of a URL.',
      )
    }
    const run = `${plan.seed}-${startedAt.toString(36)}`
    await steadyState(adapter, app)
    const writer = new HistoryWriter({ dir: historyDir, proc: 'harness', epoch: 0 })
    try {
      writer.write(runFact(run, plan, adapter))
      const inside = adapter.capabilities.survives.value === 'nothing' ? { app, factory } : null
      await new Harness({ ...parts, plan, adapter, writer, inside }).run()
    } finally {
      writer.close()
    }
    return { run, plan }
  } finally {
    await adapter.close()
  }
}

/** Path or file URL -> file URL. */
function moduleUrl(app: string): string {
  if (app.startsWith('file:')) return app
  return pathToFileURL(isAbsolute(app) ? app : resolve(app)).href
}

/** The harness asks again rather than wait long: its questions fall into outages too. */
const CALL_DEADLINE_MS = 10_000

function openAdapter(factory: AdapterFactory): Promise<Adapter> {
  return factory({
    clock: systemClock,
    log: silentLogger,
    callDeadlineMs: CALL_DEADLINE_MS,
    connectDeadlineMs: DEFAULTS.connectDeadlineMs,
    report: () => {},
  })
}

/** So often is a broker killed that may be. */
const BROKER_KILLS = 2

function planFor({ name, capabilities }: Adapter, { seed, sizes, server }: ChaosOptions): Plan {
  const timedLease = capabilities.lease.value === 'timed'
  const brokerKills = server === undefined ? 0 : BROKER_KILLS
  try {
    return planFromSeed(seed, { brokerKills, ...sizes }, { timedLease, flushFirst: name === 'rabbitmq' })
  } catch (error) {
    throw new ChaosError('usage', error instanceof Error ? error.message : String(error), error)
  }
}

/** A broker that already holds jobs of this app would be judged for what it did not do in this run. */
async function steadyState(adapter: Adapter, app: ChaosApp): Promise<void> {
  for (const queue of queuesOf(app.jobs).keys()) {
    const { count } = await countOf(adapter, queue)
    if (count === 0) continue
    const what = count === null ? 'cannot be counted' : `holds ${count} jobs`
    throw new ChaosError(
      'steady-state',
      `Queue ${queue} ${what} before the run; give the run a broker of its own or empty it first.`,
    )
  }
}

function runFact(run: string, plan: Plan, { name, capabilities }: Adapter): HistoryFact {
  return {
    kind: 'run',
    run,
    seed: plan.seed,
    broker: name,
    lease: capabilities.lease.value,
    leaseMs: plan.sizes.leaseMs,
    composed: [capabilities.retry, capabilities.release, capabilities.move].some(({ value }) => value === 'composed'),
    // The run asks for no dedupe window: once a job is completed, its id may be admitted again everywhere.
    dedupe: false,
    maxLapses: DEFAULTS.maxLapses,
    stopWithinMs: STOP_GRACE_MS + ABORT_GRACE_MS,
    goals: plan.goals,
  }
}
