// A first program in TypeScript, as the README teaches it: type-checked by the consumer's compiler, then run as it is.
import assert from 'node:assert/strict'
import { connect, defineJob, handle } from '@switchyard/core'
import { z } from 'zod'

const greet = defineJob({
  name: 'greet',
  queue: 'default',
  payload: z.object({ name: z.string(), times: z.number().default(1) }),
  key: (payload) => `greet:${payload.name}`,
})

for (const broker of ['memory:', 'sqlite:app-ts.db']) {
  const greeted = Promise.withResolvers<string>()
  await using yard = await connect({ broker, jobs: [greet] })
  const worker = await yard.work([
    handle(greet, async (payload) => greeted.resolve(`${payload.name} x ${payload.times.toFixed(0)}`)),
  ])
  await yard.enqueue(greet, { name: 'Ada' })
  // @ts-expect-error a payload that the schema refuses is refused by the compiler too
  await assert.rejects(yard.enqueue(greet, { nam: 'Ada' }), { name: 'InvalidPayloadError' })
  assert.equal(await greeted.promise, 'Ada x 1')
  await worker.stop()
  console.log(`${broker} greeted from TypeScript`)
}
