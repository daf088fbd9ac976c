import { connect, defineJob, handle, Reject } from '../src/index.ts'
import { z } from 'zod'
const hello = defineJob({ name: 'hello', queue: 'mail', payload: z.object({ n: z.number() }), retry: { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 10, jitter: 'none' } } })
const bad = defineJob({ name: 'bad', queue: 'mail', payload: z.object({ n: z.number() }), priority: 'high', retry: { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 10, jitter: 'none' } } })
await using yard = await connect({ broker: process.argv[2] ?? 'memory:', jobs: [hello, bad] })
for (const e of ['job.enqueued','job.started','job.completed','job.retried','job.dead','job.released','broker.fault','lease.lost','settle.unknown','worker.stopped'] as const) yard.on(e, (x) => console.log(e, JSON.stringify(x).slice(0,200)))
await yard.enqueue(hello, { n: 1 })
await yard.enqueue(bad, { n: 2 })
await yard.enqueue(hello, { n: 3 }, { delayMs: 300 })
const w = await yard.work([handle(hello, async (p, ctx) => { console.log('run', p.n, ctx.attempt) }), handle(bad, () => { throw new Error('boom') })])
console.log(await w.drain())
console.log(JSON.stringify(await yard.deadLetters.list(), null, 1).slice(0, 1500))
console.log(await yard.deadLetters.replay({ queue: 'mail' }))
console.log(JSON.stringify(await yard.stats('mail')))
