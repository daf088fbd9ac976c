import { hostOf } from './bench.ts'
import type { ChildAnswer, ChildTask } from './child-process.ts'
import type { Subject } from './subject.ts'

/** The child of a crash case: lease, tell, wait to be killed. */
async function main(): Promise<ChildAnswer> {
  const task = JSON.parse(process.argv[2] ?? '') as ChildTask
  const { subject } = (await import(task.subjectModule)) as { subject: Subject }
  const adapter = await subject.open(task.options)(hostOf([]))
  for (const name of task.declare ?? [])
    await adapter.declare({ name, leaseMs: task.leaseMs, ordered: false, dedupeMs: 0 })
  const consumer = await adapter.consume(task.queue, { leaseMs: task.leaseMs, prefetch: 0, lost() {} })
  const signal = AbortSignal.timeout(20_000)
  const bodies: string[] = []
  while (bodies.length < task.take && !signal.aborted) {
    const batch = await consumer.receive(task.take - bodies.length, signal)
    bodies.push(...batch.map((delivery) => delivery.message.body))
  }
  if (bodies.length < task.take) return { failed: `only ${bodies.length} of ${task.take} messages came` }
  return { bodies }
}

// The timer keeps the process, and with it connection and leases, alive until SIGKILL; an orphan ends by itself.
const orphan = setTimeout(() => process.exit(3), 120_000)
process.once('disconnect', () => process.exit(3))
main().then(
  (answer) => process.send?.(answer),
  (error: unknown) => {
    clearTimeout(orphan)
    process.send?.({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  },
)
