import { memory } from '@switchyard/memory'
import { expect, it } from 'vitest'
import { z } from 'zod'
import type { Adapter, AdapterFactory } from './adapter/adapter.ts'
import { connect, defineJob, handle, UnsupportedError } from './index.ts'

interface Tx {
  readonly begun: true
}

const dated = defineJob({
  name: 'dated',
  queue: 'q',
  payload: z.object({ n: z.number(), at: z.string().transform((text) => new Date(text)) }),
  // The output is typed where the definition looks at it …
  key: ({ at }) => at.toISOString(),
})
const payload = { n: 1, at: '2030-01-01T00:00:00.000Z' }

/** Memory with a manifest that claims transactions: only its type matters. */
const transactional: AdapterFactory<Tx> = async (host) => (await memory()(host)) as unknown as Adapter<Tx>

it('a transaction compiles only where the adapter has one, and is refused at run time all the same', async () => {
  await using yard = await connect({ broker: memory(), jobs: [dated] })
  // @ts-expect-error memory has no transactions
  await expect(yard.enqueue(dated, payload, { tx: {} })).rejects.toBeInstanceOf(UnsupportedError)
  await using byUrl = await connect({ broker: 'memory:', jobs: [dated], base: import.meta.dirname })
  // @ts-expect-error nobody knows at compile time what a URL opens
  await expect(byUrl.enqueue(dated, payload, { tx: {} })).rejects.toBeInstanceOf(UnsupportedError)
  await using typed = await connect({ broker: transactional, jobs: [dated] })
  await expect(typed.enqueue(dated, payload, { tx: { begun: true } })).rejects.toBeInstanceOf(UnsupportedError)
  // @ts-expect-error another library's transaction
  await expect(typed.enqueue(dated, payload, { tx: { started: 1 } })).rejects.toBeInstanceOf(UnsupportedError)
})

it('payloads are typed as the schema takes them, handlers get what it gives', async () => {
  await using yard = await connect({ broker: memory(), jobs: [dated] })
  // @ts-expect-error a property is missing
  await expect(yard.enqueue(dated, {})).rejects.toThrow()
  // @ts-expect-error the input is text, not a Date
  await expect(yard.enqueue(dated, { n: 1, at: new Date() })).rejects.toThrow()
  // @ts-expect-error the wrong type in one of many
  const [one] = await yard.enqueueMany(dated, [{ payload: { n: 'x', at: '' } }])
  expect(one?.status).toBe('failed')
  handle(dated, ({ at }) => {
    const day: number = at.getTime()
    return day
  })
  // @ts-expect-error the handler gets a Date, not text
  handle(dated, ({ at }) => at.slice(1))
})
