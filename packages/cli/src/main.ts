import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { brokerDoctor, brokerDown, brokerList, brokerUp } from './commands/broker.ts'
import { capabilities } from './commands/capabilities.ts'
import { chaosRun, demo } from './commands/chaos.ts'
import { configPrint } from './commands/config-print.ts'
import { conformanceList, conformanceRun } from './commands/conformance.ts'
import { conformanceInit } from './commands/conformance-init.ts'
import { conformanceProperty } from './commands/conformance-property.ts'
import { conformanceDiff, conformanceExplain, conformanceReport } from './commands/conformance-report.ts'
import { conformanceSelfTest } from './commands/conformance-self-test.ts'
import { dlqDiscard, dlqList, dlqReplay, dlqShow } from './commands/dlq.ts'
import { doctor } from './commands/doctor.ts'
import { enqueue } from './commands/enqueue.ts'
import { init } from './commands/init.ts'
import { queues } from './commands/queues.ts'
import { worker } from './commands/worker.ts'
import { EXIT, type ExitCode, exitCodeFor } from './exit-code.ts'
import { processTerminal, type Terminal } from './terminal.ts'

/** Runs one command line (without `node` and script) and answers its exit code; never throws. */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok
  const program = commandTree(terminal, (answer) => {
    code = answer
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    // Commander has already said what is wrong with the command line.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    return failed(terminal, error, argv)
  }
}

function failed(terminal: Terminal, error: unknown, argv: readonly string[]): ExitCode {
  const code = exitCodeFor(error)
  const message = error instanceof Error ? error.message : String(error)
  if (argv.includes('--json')) {
    const { name = 'Error', ...rest } = error instanceof Error ? error : {}
    const { code: word, job, queue, broker, option, jobId } = rest as Record<string, unknown>
    terminal.out(
      JSON.stringify({
        version: 1,
        error: { name, message, code: word, job, queue, broker, option, jobId, exitCode: code },
      }),
    )
  } else {
    terminal.err(`switchyard: ${message}`)
    if (code === EXIT.internal && error instanceof Error) terminal.err(error.stack ?? '')
  }
  return code
}

function commandTree(terminal: Terminal, answered: (code: ExitCode) => void): Command {
  const program = new Command('switchyard')
    .description(
      'Background jobs on any broker, proven. Exit codes: 0 ok, 1 violation, 2 inconclusive or partial, 3 broker or steady state, 64 usage, 70 internal.',
    )
    .version(ownVersion(), '--version', 'the version of this command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .showHelpAfterError('(add --help for all options)')
  const run =
    <Arguments extends readonly unknown[]>(command: (...all: Arguments) => Promise<ExitCode>) =>
    async (...all: Arguments) => {
      answered(await command(...all))
    }
  const add = (parent: Command, usage: string, description: string, brokerHelp: string = BROKER_HELP): Command =>
    parent
      .command(usage)
      .description(description)
      .option('--config <file>', 'config file (default: switchyard.config.ts here or above)')
      .option('--broker <url>', brokerHelp)
      .option('--json', 'one JSON document on standard output, stable by its version')

  add(program, 'worker', 'run the handlers of the config until SIGTERM or SIGINT')
    .option('--queues <list>', 'only these queues, separated by commas')
    .option('--concurrency <n>', 'jobs at once over all queues')
    .option('--drain', 'stop when the queues are empty (delayed and leased jobs included)')
    .action(run((options) => worker(terminal, options)))

  add(program, 'enqueue <job> [payload]', 'check one payload and send it: JSON, @FILE, or - for standard input')
    .option('--delay <duration>', 'not before this long from now: 250ms, 5s, 10m, 2h, 1d')
    .option('--at <time>', 'not before this moment, ISO 8601')
    .option('--key <text>', "instead of the definition's key")
    .option('--id <uuid>', 'job id, to repeat an enqueue whose answer was lost')
    .option('--order-key <text>', "instead of the definition's order key")
    .option('--correlation-id <text>', 'follows the job through logs and events')
    .option('--header <name=value>', 'may be repeated', (text: string, all: string[] = []) => [...all, text])
    .action(run((job, payload, options) => enqueue(terminal, job, payload, options)))

  add(program, 'queues', 'what waits, lane by lane').action(run((options) => queues(terminal, options)))
  deadLetterCommands(program, terminal, add, run)

  const config = program.command('config').description('the configuration')
  add(config, 'print', 'the merged config, secrets masked').action(run((options) => configPrint(terminal, options)))
  add(program, 'doctor', 'what is wrong here, and the way out').action(run((options) => doctor(terminal, options)))
  add(program, 'capabilities [a] [b]', 'what the broker keeps; of two brokers, the difference for this app').action(
    run((a, b, options) => capabilities(terminal, a, b, options)),
  )
  brokerCommands(program, terminal, run)
  conformanceCommands(program, terminal, run)
  program
    .command('init')
    .description('write a config, one job and one test into this folder')
    .option('--json', 'machine readable')
    .action(run((options) => init(terminal, options)))

  const chaos = program.command('chaos').description('break workers on purpose and judge what happened')
  add(chaos, 'run', 'one seeded run: kill, freeze and duplicate, then a verdict', BROKER_WORD_HELP)
    .requiredOption('--app <module>', 'module that exports chaosApp')
    .option('--variant <name>', 'which handlers the app runs', 'careful')
    .option('--seed <n>', 'the plan is made from it', '1')
    .option('--jobs <n>', 'how many jobs')
    .option('--workers <n>', 'how many worker processes')
    .option('--kills <n>', 'SIGKILLs of a worker with jobs in hand')
    .option('--plan <file>', 'a stored plan.json instead of one from the seed')
    .option('--dir <folder>', 'where history, report.html and results.json go', '.switchyard/chaos')
    .action(run((options) => chaosRun(terminal, options)))
  add(
    program,
    'demo',
    'the main job: the reference app under chaos must pass, its naive variant must be found out',
    BROKER_WORD_HELP,
  )
    .option('--seed <n>', 'the plan is made from it', '1')
    .option('--jobs <n>', 'how many jobs (at least 500 for a verdict)')
    .option('--dir <folder>', 'where reports go', '.switchyard/demo')
    .action(run((options) => demo(terminal, options)))
  return program
}

const BROKER_HELP = 'broker instead of SWITCHYARD_BROKER_URL and the config'
const BROKER_WORD_HELP =
  'redis, rabbitmq, sqs, postgres (a private server, killed and restarted in the run), sqlite, memory, or a URL (never killed)'

function ownVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { readonly version: string }).version
}

type Add = (parent: Command, usage: string, description: string, brokerHelp?: string) => Command
type Run = <Arguments extends readonly unknown[]>(
  command: (...all: Arguments) => Promise<ExitCode>,
) => (...all: Arguments) => Promise<void>

function brokerCommands(program: Command, terminal: Terminal, run: Run): void {
  const broker = program.command('broker').description('private brokers on loopback ports, for trying things out')
  const plain = (usage: string, description: string): Command =>
    broker.command(usage).description(description).option('--json', 'machine readable')
  plain('up <kind>', 'start redis, rabbitmq, sqs or postgres; prints its URL').action(
    run((kind, options) => brokerUp(terminal, kind, options)),
  )
  plain('down [kind]', 'stop what was started here, and remove its data').action(
    run((kind, options) => brokerDown(terminal, kind, options)),
  )
  plain('list', 'what was started here').action(run((options) => brokerList(terminal, options)))
  plain('doctor', 'start and stop each kind once: where it came from, or the command that brings it').action(
    run((options) => brokerDoctor(terminal, options)),
  )
}

function conformanceCommands(program: Command, terminal: Terminal, run: Run): void {
  const conformance = program.command('conformance').description('hold an adapter to its manifest')
  conformance
    .command('run <subject>')
    .description('run the clauses against the adapter that this module exports as `subject`')
    .option('--only <ids>', 'only these clauses, separated by commas; the report is then partial')
    .option('--repeat <n>', 'every clause so many times: one that does not always end alike is flaky')
    .option('--seed <n>', 'shuffle the clauses, from this number')
    .option('--out <file>', 'save the report, for report and diff')
    .option('--json', 'machine readable')
    .action(run((subject, options) => conformanceRun(terminal, subject, options)))
  conformance
    .command('list')
    .description('every clause of the contract')
    .option('--json', 'machine readable')
    .action(run((options) => conformanceList(terminal, options)))
  conformance
    .command('explain <clause>')
    .description('one clause, and the mistakes that it is known to catch')
    .option('--json', 'machine readable')
    .action(run((clause, options) => conformanceExplain(terminal, clause, options)))
  conformance
    .command('report <file>')
    .description('a saved report for people or for CI')
    .option('--format <word>', 'markdown, junit or html (one file)', 'markdown')
    .option('--out <file>', 'instead of standard output')
    .action(run((file, options) => conformanceReport(terminal, file, options)))
  conformance
    .command('diff <before> <after>')
    .description('what changed from one saved report to another; 1 when something that held does not')
    .option('--json', 'machine readable')
    .action(run((before, after, options) => conformanceDiff(terminal, before, after, options)))
  conformance
    .command('property <subject>')
    .description('generated sequences of operations against a model; a failure is shrunk')
    .option('--runs <n>', 'how many sequences', '20')
    .option('--seed <n>', 'of a failure, to see it again')
    .option('--path <text>', 'of a failure, with its seed: straight to the smallest sequence')
    .option('--json', 'machine readable')
    .action(run((subject, options) => conformanceProperty(terminal, subject, options)))
  conformance
    .command('self-test')
    .description('the suite against adapters that are broken on purpose; 1 when one survives')
    .option('--matrix <file>', 'save the kill matrix')
    .option('--json', 'machine readable')
    .action(run((options) => conformanceSelfTest(terminal, options)))
  conformance
    .command('init <name>')
    .description('write an adapter package whose suite runs, and fails until it is written')
    .option('--dir <folder>', 'where; default: here')
    .option('--json', 'machine readable')
    .action(run((name, options) => conformanceInit(terminal, name, options)))
}

function deadLetterCommands(program: Command, terminal: Terminal, add: Add, run: Run): void {
  const dlq = program.command('dlq').description('dead letters: review, replay, discard')
  const filtered = (command: Command): Command =>
    command
      .option('--queue <name>', 'only this queue')
      .option('--job <name>', 'only this job')
      .option('--since <when>', 'died since: 1h (ago) or an ISO 8601 date')
      .option('--error <pattern>', 'last error contains this text, or matches /regex/')
      .option('--reason <word>', 'attempts, permanent, rejected, ambiguous, deadline, crash-loop, poison, unknown-job')
      .option('--limit <n>', 'at most so many')
  const acting = (command: Command): Command =>
    filtered(command)
      .option('--all', 'every dead letter')
      .option('--dry-run', 'only tell what would happen')
      .option('--yes', 'do not ask')
  filtered(add(dlq, 'list', 'list dead letters, changing nothing')).action(run((options) => dlqList(terminal, options)))
  add(dlq, 'show <id>', 'one dead letter with its attempts')
    .option('--queue <name>', 'look only here')
    .action(run((id, options) => dlqShow(terminal, id, options)))
  acting(add(dlq, 'replay [id]', 'send dead letters back to their queues'))
    .option('--rate <n/s>', 'not faster than: 50/s, 10/m')
    .action(run((id, options) => dlqReplay(terminal, id, options)))
  acting(add(dlq, 'discard [id]', 'remove dead letters for good'))
    .option('--because <text>', 'why (required)')
    .action(run((id, options) => dlqDiscard(terminal, id, options)))
}
