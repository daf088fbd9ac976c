import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Delivery, Settlement } from '@switchyard/core/adapter'
import { copyId, silentLogger, systemClock } from '@switchyard/core/adapter'
import { sqlite } from '../src/index.ts'

/** What the parent tells a producer or a consumer of the kill test. */
export interface KillChildPlan {
  readonly role: 'producer' | 'consumer'
  readonly folder: string
  /** File name of this incarnation's history; those of one slot share what stands before the dot. */
  readonly history: string
  /** Jobs of this producer: from, below. */
  readonly jobs: readonly [number, number]
  /** Where the second producer's jobs start. */
  readonly half: number
  readonly leaseMs: number
  readonly pauseMs: number
}

/** The id of job `index`: known to everybody without being told. */
export function jobId(index: number): string {
  return copyId('6ba7b810-9dad-11d1-80b4-00c04fd430c8', `kill test ${index}`)
}

/** Every tenth job is retried once; every twenty-fifth is moved to the dead queue. */
export const isRetried = (index: number): boolean => index % 10 === 3
/** Every third job belongs to one of 20 order keys per producer: `below` is where the second producer starts. */
export const orderKeyOf = (index: number, below: number): string | null =>
  index % 3 === 1 ? `${index < below ? 'a' : 'b'}${Math.floor(index / 3) % 20}` : null
export const isMoved = (index: number): boolean => index % 25 === 4

const plan: KillChildPlan | null = process.argv[2] === undefined ? null : JSON.parse(process.argv[2])
if (plan !== null) await main(plan)

async function main({ role, folder, history, jobs, half, leaseMs, pauseMs }: KillChildPlan): Promise<void> {
  // Ends with its parent, however that ends.
  process.stdin.on('close', () => process.exit(1)).resume()
  const file = openSync(join(folder, history), 'a')
  // One write per line: what the kernel has survives SIGKILL.
  const write = (...fields: readonly (string | number)[]) => void writeSync(file, `${fields.join(' ')}\n`)
  const report = (fault: Error) => write('fault', JSON.stringify(fault.message))
  const host = { clock: systemClock, log: silentLogger, callDeadlineMs: 20_000, connectDeadlineMs: 20_000, report }
  const adapter = await sqlite({ file: join(folder, 'jobs.db') })(host)
  console.log('ready')
  if (role === 'consumer') return consume()
  return produce()

  /** Sends every job that no earlier incarnation was told about: one that may have been applied goes again with its id. */
  async function produce(): Promise<void> {
    const told = acknowledged(folder, history.split('.')[0] ?? '')
    const open = Array.from({ length: jobs[1] - jobs[0] }, (_, at) => at + jobs[0]).filter((index) => !told.has(index))
    while (open.length > 0) {
      const batch = open.splice(0, 1 + Math.floor(Math.random() * 10))
      const messages = batch.map((index) => {
        const orderKey = orderKeyOf(index, half)
        const plain = { id: jobId(index), name: 'kill', body: String(index), delayMs: 0 }
        return orderKey === null ? plain : { ...plain, orderKey }
      })
      const results = await adapter.send('q', messages)
      for (const [at, index] of batch.entries()) write('sent', index, String(results[at]))
      await systemClock.sleep(pauseMs)
    }
    console.log('finished')
    await new Promise((resolve) => setTimeout(resolve, 600_000))
  }

  async function consume(): Promise<void> {
    const consumer = await adapter.consume('q', { leaseMs, prefetch: 0, lost() {} })
    const never = new AbortController().signal
    for (;;) {
      const deliveries = await consumer.receive(8, never)
      await Promise.all(deliveries.map(work))
    }

    async function work(delivery: Delivery): Promise<void> {
      const index = Number(delivery.message.body)
      write('start', index, Date.now(), delivery.leasedAt, delivery.lapses ?? -1, delivery.note === null ? 0 : 1)
      await systemClock.sleep(Math.random() * 30)
      const settlement = settlementOf(index, delivery)
      const [result] = await consumer.settle([settlement])
      write('settle', index, Date.now(), settlement.kind, String(result))
    }
  }
}

function settlementOf(index: number, delivery: Delivery): Settlement {
  if (isRetried(index) && delivery.note === null) return { kind: 'retry', delivery, delayMs: 20, note: '{"tried":1}' }
  if (!isMoved(index)) return { kind: 'complete', delivery }
  const letter = { id: copyId(jobId(index), 'dead'), name: 'kill', body: String(index), delayMs: 0 }
  return { kind: 'move', delivery, to: 'dead', message: letter }
}

function acknowledged(folder: string, slot: string): Set<number> {
  const names = readdirSync(folder).filter((name) => name.startsWith(`${slot}.`))
  const lines = names.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
  return new Set(
    lines.filter((line) => /^sent \d+ (accepted|duplicate)$/.test(line)).map((line) => Number(line.split(' ')[1])),
  )
}
