import { existsSync, readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ChaosRun, exitCodeOf, type Plan, resultsOf, runChaos, writeReport } from '@switchyard/chaos'
import { wholeNumber } from '../duration.ts'
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts'
import type { GlobalOptions } from '../open-yard.ts'
import { progressLine } from '../progress-line.ts'
import { openRunBroker } from '../run-broker.ts'
import type { Terminal } from '../terminal.ts'
import { verdictTable } from '../verdict-table.ts'

interface ChaosRunOptions extends GlobalOptions {
  readonly app: string
  readonly variant: string
  readonly seed: string
  readonly jobs?: string
  readonly workers?: string
  readonly kills?: string
  readonly plan?: string
  readonly dir: string
}

interface DemoOptions extends GlobalOptions {
  readonly seed: string
  readonly jobs?: string
  readonly dir: string
}

/** `switchyard chaos run`: one run with its verdict; exit code by verdict. */
export async function chaosRun(terminal: Terminal, options: ChaosRunOptions): Promise<ExitCode> {
  const dir = resolve(options.dir)
  const run = await oneRun(terminal, {
    app: resolve(options.app),
    variant: options.variant,
    seed: wholeNumber(options.seed, '--seed', 0),
    sizes: sizesOf(options),
    dir,
    broker: options.broker ?? process.env.SWITCHYARD_BROKER_URL,
    json: options.json === true,
    ...(options.plan === undefined ? {} : { plan: readPlan(options.plan) }),
  })
  if (options.json) terminal.out(JSON.stringify({ version: 1, ...resultsOf(run) }))
  return exitCodeOf(run.judgement.verdict)
}

/**
 * `switchyard demo`: the reference app's careful handlers must pass, then its naive variant must be caught with a double
 * effect. 0 only if both happened.
 */
export async function demo(terminal: Terminal, options: DemoOptions): Promise<ExitCode> {
  const app = fileURLToPath(new URL('../../../../docs/examples/shop/chaos.ts', import.meta.url))
  if (!existsSync(app)) {
    throw new UsageError(
      'the reference app of the demo is only in a checkout of Switchyard; for your own app: switchyard chaos run --app FILE',
    )
  }
  const seed = wholeNumber(options.seed, '--seed', 0)
  const base = { app, seed, sizes: sizesOf(options), json: options.json === true }
  const runs: ChaosRun[] = []
  for (const variant of ['careful', 'naive'] as const) {
    const dir = resolve(options.dir, variant)
    const broker = options.broker ?? process.env.SWITCHYARD_BROKER_URL
    if (!options.json) terminal.out(HEADINGS[variant])
    runs.push(await oneRun(terminal, { ...base, variant, dir, broker }))
  }
  const [careful, naive] = runs as [ChaosRun, ChaosRun]
  const passed = careful.judgement.verdict === 'pass'
  const found = naive.judgement.findings.some(
    ({ checker, verdict }) => checker === 'effects-once' && verdict === 'fail',
  )
  // One handler was made naive; whatever else is found in that half is not its doing.
  const others = naive.judgement.findings.filter(
    ({ checker, verdict }) => checker !== 'effects-once' && verdict === 'fail',
  )
  if (options.json) {
    terminal.out(JSON.stringify({ version: 1, passed, found, careful: resultsOf(careful), naive: resultsOf(naive) }))
  } else {
    terminal.out(`careful handlers  ${passed ? 'passed, as they must' : `did not pass: ${careful.judgement.verdict}`}`)
    terminal.out(
      `naive handler     ${found ? 'found out, as it must be: see the double effect above' : 'NOT found: the harness missed a double effect'}`,
    )
    for (const { checker } of others) terminal.out(`naive handler     broke ${checker} too, which is not its doing`)
  }
  if (others.length > 0) return EXIT.violation
  if (passed && found) return EXIT.ok
  return careful.judgement.verdict === 'fail' || !found ? EXIT.violation : EXIT.inconclusive
}

const HEADINGS = {
  careful: 'First half: the reference app, handlers as a careful team writes them. It must pass.',
  naive: 'Second half: the same plan, one handler made naive on purpose. The run must find its double effect.',
} as const

interface OneRun {
  readonly app: string
  readonly variant: string
  readonly seed: number
  readonly sizes: Partial<Plan['sizes']>
  readonly dir: string
  readonly broker: string | undefined
  readonly json: boolean
  readonly plan?: Plan
}

async function oneRun(terminal: Terminal, options: OneRun): Promise<ChaosRun> {
  const { app, variant, seed, sizes, dir, plan } = options
  await using broker = await openRunBroker(terminal, { broker: options.broker, dir, quiet: options.json })
  const command = commandOf(options)
  const progress = progressLine(terminal, options.json)
  const run = await runChaos({
    app,
    variant,
    seed,
    sizes,
    dir,
    broker: broker.url,
    ...(broker.server === undefined ? {} : { server: broker.server }),
    command,
    onProgress: progress.update,
    ...(plan === undefined ? {} : { plan }),
  }).finally(progress.end)
  const files = writeReport(dir, run)
  if (!options.json) {
    terminal.out(verdictTable(run))
    terminal.out(
      `report  ${relative(process.cwd(), files.report)}\nresults ${relative(process.cwd(), files.results)}\n`,
    )
  }
  return run
}

/** What does it again; an address stays out, since it may hold a password. */
function commandOf({ app, variant, seed, sizes, broker }: OneRun): string {
  const which = broker === undefined ? [] : ['--broker', broker.includes(':') ? '$SWITCHYARD_BROKER_URL' : broker]
  const flags = Object.entries(sizes).flatMap(([name, value]) => [`--${name}`, String(value)])
  const all = ['--app', relative(process.cwd(), app), '--variant', variant, '--seed', String(seed), ...flags, ...which]
  return `switchyard chaos run ${all.join(' ')}`
}

function sizesOf(options: {
  readonly jobs?: string
  readonly workers?: string
  readonly kills?: string
}): Partial<Plan['sizes']> {
  return {
    ...(options.jobs === undefined ? {} : { jobs: wholeNumber(options.jobs, '--jobs', 1) }),
    ...(options.workers === undefined ? {} : { workers: wholeNumber(options.workers, '--workers', 1) }),
    ...(options.kills === undefined ? {} : { kills: wholeNumber(options.kills, '--kills', 0) }),
  }
}

function readPlan(file: string): Plan {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Plan
  } catch (cause) {
    throw new UsageError(`--plan ${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
