import { spawn } from 'node:child_process'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

/** The repository's root; every step runs there. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')

/**
 * Runs the steps one after another, shows their output as it comes, goes on after a failure, and ends with a table of
 * step, result and seconds. Each step is `{ group, name, command }`; `--only a,b` picks groups. Answers the exit code:
 * 0 all passed, 1 something failed, 64 usage, 128 + n stopped by a signal.
 */
export async function runSteps(title, steps, args) {
  const groups = [...new Set(steps.map((step) => step.group))]
  const only = parseOnly(args)
  const unknown = only?.filter((group) => !groups.includes(group))
  if (only === undefined || unknown.length > 0) {
    process.stderr.write(`Usage: ${title} [--only <group>,…]   groups: ${groups.join(', ')}\n`)
    return 64
  }
  const wanted = only.length === 0 ? steps : steps.filter((step) => only.includes(step.group))
  let stoppedBy
  let current
  const stop = (signal) => {
    stoppedBy = signal
    // Ctrl-C on a terminal reaches the step by itself.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) current?.kill(signal)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop)

  const rows = []
  const startedAt = Date.now()
  for (const step of wanted) {
    if (stoppedBy !== undefined) {
      rows.push({ name: step.name, result: 'not run', ms: 0 })
      continue
    }
    process.stdout.write(`\n── ${step.name} ${'─'.repeat(Math.max(3, 100 - step.name.length))}\n`)
    const stepAt = Date.now()
    const result = await run(step.command, (child) => {
      current = child
    })
    rows.push({ name: step.name, result, ms: Date.now() - stepAt })
  }
  process.stdout.write(`\n${table(title, rows, Date.now() - startedAt)}`)
  if (stoppedBy !== undefined) return 128 + os.constants.signals[stoppedBy]
  return rows.every((row) => row.result === 'passed') ? 0 : 1
}

function parseOnly(args) {
  const [flag, ...rest] = args.flatMap((arg) => (arg.startsWith('--only=') ? ['--only', arg.slice(7)] : [arg]))
  if (flag === undefined) return []
  if (flag !== '--only' || rest.length !== 1) return undefined
  return rest[0].split(',').filter((group) => group !== '')
}

/** Answers `passed`, or in words how the command ended. */
function run([program, ...args], started) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit' })
    started(child)
    child.on('error', (error) => resolve(`failed (${error.message})`))
    child.on('exit', (code, signal) => {
      if (code === 0) resolve('passed')
      else resolve(signal ? `failed (${signal})` : `failed (exit code ${code})`)
    })
  })
}

function table(title, rows, totalMs) {
  const width = Math.max(...rows.map((row) => row.name.length), title.length)
  const line = (name, result, ms) =>
    `  ${name.padEnd(width)}  ${result.padEnd(24)} ${`${(ms / 1000).toFixed(1)} s`.padStart(9)}\n`
  const failed = rows.filter((row) => row.result !== 'passed').length
  const verdict = failed === 0 ? 'passed' : `${failed} of ${rows.length} did not pass`
  return rows.map((row) => line(row.name, row.result, row.ms)).join('') + line(title, verdict, totalMs)
}
