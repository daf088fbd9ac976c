/**
 * The guard: a small process between us and one broker. It starts the broker, and when the channel to its parent closes, for whatever
 * reason (a SIGKILL included), it kills all of it and removes the data folder. Run as `node guard-process <dir> <id>`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GuardCall, GuardReply, GuardRequest, ProgramSpec } from './guard-protocol.ts'
import { isAlive, isStopped, type ProcessEntry, processTree } from './process-tree.ts'

interface Program {
  readonly child: ChildProcess
  readonly pid: number
  readonly mark: string
  readonly ended: Promise<string>
}

const MARK = 'SWITCHYARD_BROKER_MARK'
const NO_ROOT = -1
const [dir = '', id = ''] = process.argv.slice(2)
if (!basename(dir).startsWith('switchyard-')) throw new Error(`refusing to guard ${JSON.stringify(dir)}`)
const programs = new Map<string, Program>()
let closing: Promise<void> | undefined

process.on('message', (request: GuardRequest) => {
  answer(request.call).then(
    () => reply({ id: request.id }, request.call.op === 'close'),
    (error: unknown) => reply({ id: request.id, error: error instanceof Error ? error.message : String(error) }, false),
  )
})
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void closeAndExit())
process.on('disconnect', () => void closeAndExit())
process.on('uncaughtException', () => void closeAndExit())
process.send?.({ id: 0 } satisfies GuardReply)

function reply(message: GuardReply, last: boolean): void {
  if (!process.connected) return
  process.send?.(message, () => last && process.exit(0))
}

async function answer(call: GuardCall): Promise<void> {
  switch (call.op) {
    case 'start':
      await start(call.program)
      return
    case 'run':
      return run(call.program, call.deadlineMs)
    case 'kill':
      return kill(call.name)
    case 'pause':
      return signalTree(call.name, 'SIGSTOP')
    case 'resume':
      return signalTree(call.name, 'SIGCONT')
    case 'end':
      return end(call.name, call.signal, call.graceMs)
    case 'close':
      return close()
  }
}

async function start(spec: ProgramSpec): Promise<Program> {
  if (closing !== undefined) throw new Error('the guard is closing')
  if (programs.has(spec.name)) throw new Error(`${spec.name} is running already`)
  const mark = `${MARK}=${id}/${spec.name}`
  const log = openSync(spec.logFile, 'a')
  const child = spawn(spec.file, spec.args, {
    cwd: spec.cwd,
    env: { ...spec.env, [MARK]: `${id}/${spec.name}` },
    detached: true, // a group of its own
    stdio: ['ignore', log, log],
    ...(spec.uid === undefined ? {} : { uid: spec.uid }),
    ...(spec.gid === undefined ? {} : { gid: spec.gid }),
  })
  closeSync(log)
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  if (child.pid === undefined) throw new Error(`${spec.file} did not start: ${await ended}`)
  const program = { child, pid: child.pid, mark, ended }
  programs.set(spec.name, program)
  void ended.then((how) => {
    if (programs.get(spec.name) === program) programs.delete(spec.name)
    reply({ ended: spec.name, how }, false)
  })
  return program
}

async function run(spec: ProgramSpec, deadlineMs: number): Promise<void> {
  const program = await start(spec)
  const how = await Promise.race([program.ended, sleep(deadlineMs, undefined, { ref: false })])
  if (how === undefined) await kill(spec.name)
  if (how !== 'exit code 0') throw new Error(`${basename(spec.file)}: ${how ?? `no end within ${deadlineMs} ms`}`)
}

/** Freezes until nothing new appears, so that nothing can fork away between listing and killing. */
async function kill(name: string): Promise<void> {
  const program = programs.get(name)
  await killTree(program?.pid ?? NO_ROOT, program?.mark ?? `${MARK}=${id}/${name}`)
  await program?.ended
}

async function killTree(root: number, mark: string): Promise<void> {
  const members = new Map<number, ProcessEntry>()
  for (let fresh = true; fresh; ) {
    fresh = false
    for (const entry of processTree(root, mark)) {
      if (members.has(entry.pid)) continue
      members.set(entry.pid, entry)
      send(entry.pid, 'SIGSTOP')
      fresh = true
    }
  }
  for (const entry of members.values()) send(entry.pid, 'SIGKILL')
  while ([...members.values()].some(isAlive)) await sleep(5)
}

async function signalTree(name: string, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  const program = programs.get(name)
  if (program === undefined) throw new Error(`${name} is not running`)
  const members = new Map<number, ProcessEntry>()
  for (let fresh = true; fresh; ) {
    fresh = false
    for (const entry of processTree(program.pid, program.mark)) {
      if (members.has(entry.pid)) continue
      members.set(entry.pid, entry)
      send(entry.pid, signal)
      fresh = true
    }
  }
  if (signal === 'SIGSTOP') while (![...members.values()].every(isStopped)) await sleep(2)
}

async function end(name: string, signal: NodeJS.Signals, graceMs: number): Promise<void> {
  const program = programs.get(name)
  if (program === undefined) return
  await signalTree(name, 'SIGCONT') // a paused server hears nothing
  send(program.pid, signal)
  await Promise.race([program.ended, sleep(graceMs, undefined, { ref: false })])
  await kill(name)
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function close(): Promise<void> {
  closing ??= (async () => {
    for (const name of [...programs.keys()]) await kill(name)
    await killTree(NO_ROOT, `${MARK}=${id}/`) // what outlived a server that ended by itself
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  })()
  return closing
}

async function closeAndExit(): Promise<void> {
  try {
    await close()
  } finally {
    process.exit(0)
  }
}
