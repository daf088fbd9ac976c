import { connect, defineJob, handle } from '../src/index.ts'
const any = { '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value: value as { n: number } }) } } as const
const noop = defineJob({ name: 'noop', queue: 'q', payload: any as never })
const N = 300_000
await using yard = await connect({ broker: 'memory:', jobs: [noop] })
let t = performance.now()
for (let i = 0; i < N; i += 1000) await yard.enqueueMany(noop, Array.from({ length: 1000 }, (_, k) => ({ payload: { n: i + k } }) as never))
console.log('enqueue/s', Math.round(N / (performance.now() - t) * 1000))
let done = 0
const { promise, resolve } = Promise.withResolvers<void>()
t = performance.now()
await yard.work([handle(noop, async () => { if (++done === N) resolve() })], { concurrency: 100 })
await promise
console.log('process/s', Math.round(N / (performance.now() - t) * 1000))
