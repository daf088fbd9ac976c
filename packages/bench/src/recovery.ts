import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { BenchServer } from './bench-server.ts'
import type { ContenderKind } from './contender.ts'
import { orStuck } from './measure-contender.ts'

/** Milliseconds from the SIGKILL of a worker in the middle of a job until a worker in this process starts that job. */
export async function recoveryMs(
  server: BenchServer,
  kind: ContenderKind,
  options: { readonly queue: string; readonly leaseMs: number },
): Promise<number> {
  const contender = await kind.open(server, options)
  const entry = fileURLToPath(new URL('./victim-process.ts', import.meta.url))
  const child = fork(entry, [server.kind, kind.name, contender.place, options.queue, String(options.leaseMs)])
  try {
    await contender.send(0)
    await orStuck(once(child, 'message'), () => 'the worker to be killed had not started')
    const again = Promise.withResolvers<void>()
    const stop = await contender.work({ concurrency: 1, started: () => again.resolve(), settled: () => {} })
    child.kill('SIGKILL')
    const killedAt = performance.now()
    await orStuck(again.promise, () => 'nobody had started the job again')
    const took = performance.now() - killedAt
    await stop()
    return took
  } finally {
    child.kill('SIGKILL')
    await contender.close()
  }
}
