// The same program in JavaScript, with explicit ends instead of `await using`.
import assert from 'node:assert/strict'
import { connect, defineJob, handle } from '@switchyard/core'
import { z } from 'zod'

const greet = defineJob({ name: 'greet', queue: 'default', payload: z.object({ name: z.string() }) })

for (const broker of ['memory:', 'sqlite:app-js.db']) {
  const greeted = Promise.withResolvers()
  const yard = await connect({ broker, jobs: [greet] })
  const worker = await yard.work([handle(greet, async (payload) => greeted.resolve(payload.name))])
  await yard.enqueue(greet, { name: 'Grace' })
  assert.equal(await greeted.promise, 'Grace')
  await worker.stop()
  await yard.close()
  console.log(`${broker} greeted from JavaScript`)
}
