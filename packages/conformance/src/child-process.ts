import { fork } from 'node:child_process'
import { once } from 'node:events'
import { systemClock } from '@switchyard/core/adapter'
import { ClauseBroken } from './case.ts'
import type { Json } from './subject.ts'

/** What the child is told; it travels as one JSON argument. */
export interface ChildTask {
  /** File URL of the module that exports `subject`. */
  readonly subjectModule: string
  readonly options: Json
  readonly queue: string
  readonly take: number
  readonly leaseMs: number
  /** Queues that it declares before it leases. */
  readonly declare?: readonly string[]
}

/** What the child answers over IPC, once: the bodies it holds leases on, or why it holds none. */
export type ChildAnswer = { readonly bodies: readonly string[] } | { readonly failed: string }

/** A process that holds leases and does nothing else. */
export interface Child {
  /** Bodies of the messages that it leased. */
  readonly bodies: readonly string[]
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
}

const START_MS = 30_000

/** Starts the child and resolves once it holds its leases. */
export async function startChild(task: ChildTask): Promise<Child> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const child = fork(new URL(`./child-main.${extension}`, import.meta.url), [JSON.stringify(task)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let complaints = ''
  child.stderr?.on('data', (text: Buffer) => {
    complaints += text.toString()
  })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await exited
  }
  const answer = await Promise.race([
    once(child, 'message').then(([message]) => message as ChildAnswer),
    exited.then(([code]): ChildAnswer => ({ failed: `exited with ${code}: ${complaints.slice(-2_000)}` })),
    systemClock.sleep(START_MS).then((): ChildAnswer => ({ failed: `no answer in ${START_MS} ms: ${complaints}` })),
  ])
  if ('failed' in answer) {
    await kill()
    throw new ClauseBroken(`the child process could not lease from ${task.queue}: ${answer.failed}`)
  }
  return { bodies: answer.bodies, kill }
}
