import { fork } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { BROKER_KINDS, type BrokerKind, startBroker } from '@switchyard/brokers'
import { maskedUrl } from '@switchyard/core'
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts'
import { columns, type Terminal } from '../terminal.ts'

interface Kept {
  readonly kind: BrokerKind
  readonly pid: number
  readonly url: string
  readonly version: string
  readonly rung: string
}

type KeeperMessage = { readonly line: string } | { readonly state: Kept } | { readonly failed: string }

const FOLDER = '.switchyard/brokers'

/** `switchyard broker up KIND`: a private broker on a free loopback port that stays until `broker down`. Prints its URL. */
export async function brokerUp(
  terminal: Terminal,
  kind: string,
  options: { readonly json?: boolean },
): Promise<ExitCode> {
  const wanted = kindOf(kind)
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 })
  const running = kept().find((one) => one.kind === wanted)
  if (running !== undefined) return tell(terminal, running, options)
  const name = import.meta.url.endsWith('.ts') ? '../broker-keeper.ts' : '../broker-keeper.js'
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), [wanted, resolve(FOLDER, `${wanted}.json`)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const outcome = await new Promise<Kept | string>((done) => {
    child.on('message', (message: KeeperMessage) => {
      if ('line' in message) terminal.err(message.line)
      else done('state' in message ? message.state : message.failed)
    })
    child.on('exit', (code) => done(`the keeper of the broker ended with ${code}`))
  })
  if (child.connected) child.disconnect()
  child.unref()
  if (typeof outcome === 'string') {
    terminal.err(`switchyard: ${outcome}`)
    return EXIT.infrastructure
  }
  return tell(terminal, outcome, options)
}

/** `switchyard broker down [KIND]`: stops what `up` started in this folder, and removes its data. */
export async function brokerDown(
  terminal: Terminal,
  kind: string | undefined,
  options: { readonly json?: boolean },
): Promise<ExitCode> {
  const wanted = kind === undefined ? null : kindOf(kind)
  const stopped: string[] = []
  for (const one of kept()) {
    if (wanted !== null && one.kind !== wanted) continue
    process.kill(one.pid, 'SIGTERM')
    while (alive(one.pid)) await after(20)
    stopped.push(one.kind)
  }
  if (options.json) terminal.out(JSON.stringify({ version: 1, stopped }))
  else terminal.out(stopped.length === 0 ? 'nothing runs here' : `stopped ${stopped.join(', ')}`)
  return EXIT.ok
}

/** `switchyard broker list`: what `up` started in this folder. */
export async function brokerList(terminal: Terminal, options: { readonly json?: boolean }): Promise<ExitCode> {
  const all = kept()
  if (options.json)
    terminal.out(JSON.stringify({ version: 1, brokers: all.map((one) => ({ ...one, url: maskedUrl(one.url) })) }))
  else if (all.length === 0) terminal.out('nothing runs here; start one with: switchyard broker up redis')
  else
    terminal.out(
      columns(
        ['kind', 'version', 'from', 'pid', 'url'],
        all.map((one) => [one.kind, one.version, one.rung, one.pid, maskedUrl(one.url)]),
      ),
    )
  return EXIT.ok
}

/** `switchyard broker doctor`: starts and stops each kind once and says from where it came, or the command that brings it. */
export async function brokerDoctor(terminal: Terminal, options: { readonly json?: boolean }): Promise<ExitCode> {
  const rows: { kind: string; ok: boolean; from: string; detail: string }[] = []
  for (const kind of BROKER_KINDS) {
    try {
      await using broker = await startBroker(kind)
      rows.push({ kind, ok: true, from: broker.rung, detail: broker.version })
    } catch (error) {
      rows.push({ kind, ok: false, from: '-', detail: error instanceof Error ? error.message : String(error) })
    }
  }
  if (options.json) terminal.out(JSON.stringify({ version: 1, brokers: rows }))
  else
    terminal.out(
      columns(
        ['kind', 'result', 'from', 'detail'],
        rows.map((row) => [row.kind, row.ok ? 'ok' : 'missing', row.from, row.detail]),
      ),
    )
  return rows.every((row) => row.ok) ? EXIT.ok : EXIT.inconclusive
}

/** A kind by its word; UsageError naming the others. */
export function kindOf(word: string): BrokerKind {
  const kind = BROKER_KINDS.find((one) => one === word)
  if (kind === undefined)
    throw new UsageError(`no broker ${JSON.stringify(word)}; there are ${BROKER_KINDS.join(', ')}`)
  return kind
}

function tell(terminal: Terminal, one: Kept, options: { readonly json?: boolean }): ExitCode {
  if (options.json) terminal.out(JSON.stringify({ version: 1, broker: one }))
  else terminal.out(one.url)
  return EXIT.ok
}

function kept(): readonly Kept[] {
  if (!existsSync(FOLDER)) return []
  const all: Kept[] = []
  for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.json'))) {
    const one = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Kept
    // Its keeper was killed: the guard has ended the broker, so only the note is left.
    if (alive(one.pid)) all.push(one)
    else rmSync(join(FOLDER, name), { force: true })
  }
  return all
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
