import { performJob } from '@switchyard/core/testing'
import { expect, it } from 'vitest'
import { startShop } from '../shop-fixture.ts'
import { analyticsHandler } from './analytics-handler.ts'

const batch = { batchId: 'b-1', events: [{ name: 'order', customer: 'c-1', cents: 4_200 }] }

it('sends a batch once, also after a crash between sending and noting', async () => {
  await using fixture = await startShop()
  const handler = analyticsHandler(fixture.shop)
  await performJob(handler, batch)
  await performJob(handler, batch)
  expect(fixture.book.repeated).toEqual([])
  fixture.shop.database.exec('delete from synced_batches')
  await performJob(handler, batch)
  expect(fixture.book.applied).toMatchObject([{ key: 'analytics:b-1', token: 'analytics:b-1' }])
  expect(fixture.book.repeated).toHaveLength(1)
})

it('comes again when the service is down', async () => {
  await using fixture = await startShop({ troubleEvery: 1 })
  const handler = analyticsHandler(fixture.shop)
  expect((await performJob(handler, batch)).decision).toMatchObject({ kind: 'retry', failure: { class: 'transient' } })
  expect((await performJob(handler, batch)).outcome).toBe('completed')
  expect(fixture.book.keys('analytics')).toEqual(['analytics:b-1'])
})
