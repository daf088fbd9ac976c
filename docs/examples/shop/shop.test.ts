import type { Handler } from '@switchyard/core'
import { describe, expect, it } from 'vitest'
import { shopHandlers } from './handlers/shop-handlers.ts'
import { openShop } from './shop/shop.ts'
import { type ShopFixture, startShop } from './shop-fixture.ts'
import { shopWorkload } from './shop-workload.ts'
import config from './switchyard.config.ts'
import { naive } from './variants/naive.ts'

const JOBS = 50
const workload = shopWorkload({ seed: 3, jobs: JOBS })
const expected = workload.flatMap(({ effects }) => effects.map(({ sink, key }) => `${sink} ${key}`)).sort()

/** Every job runs twice at once and then once more, as after a lapse and a crash. */
function thrice(handlers: readonly Handler[]): readonly Handler[] {
  return handlers.map(({ definition, run }) => ({
    definition,
    run: async (payload, context) => {
      await Promise.allSettled([run(payload, context), run(payload, context)])
      await run(payload, context)
    },
  }))
}

async function effectsOf(fixture: ShopFixture): Promise<readonly string[]> {
  const rows = (await fixture.rows()).map((key) => `shop.db ${key}`)
  return [...rows, ...fixture.book.applied.map(({ sink, key }) => `${sink} ${key}`)].sort()
}

describe.each(['memory:', 'sqlite:'] as const)('the whole shop over %s', (broker) => {
  it('has every effect once, although services have bad moments', async () => {
    await using fixture = await startShop({ broker, troubleEvery: 3 })
    for (const { job, payload } of workload) await fixture.yard.enqueue(job, payload)
    expect(await fixture.drain()).toMatchObject({ completed: JOBS, dead: 0 })
    expect(await effectsOf(fixture)).toEqual(expected)
  })

  it('has every effect once, although every job runs three times', async () => {
    await using fixture = await startShop({ broker })
    for (const { job, payload } of workload) await fixture.yard.enqueue(job, payload)
    expect(await fixture.drain(thrice(shopHandlers(fixture.shop)))).toMatchObject({ completed: JOBS, dead: 0 })
    expect(await effectsOf(fixture)).toEqual(expected)
    expect(fixture.book.repeated.length).toBeGreaterThan(0)
  })

  it('shows the double payments of the naive variant, and nothing else', async () => {
    await using fixture = await startShop({ broker })
    for (const { job, payload } of workload) await fixture.yard.enqueue(job, payload)
    await fixture.drain(thrice(naive(fixture.shop)))
    const counts = [...Map.groupBy(await effectsOf(fixture), (effect) => effect)].map(
      ([effect, all]) => [effect, all.length] as const,
    )
    for (const [effect, count] of counts) expect([effect, count]).toEqual([effect, effect.includes('payment:') ? 3 : 1])
  })
})

describe('the workload', () => {
  it('is the same for the same seed, has every job, and never names an effect twice', () => {
    const many = shopWorkload({ seed: 9, jobs: 600 })
    expect(shopWorkload({ seed: 9, jobs: 600 })).toEqual(many)
    expect(shopWorkload({ seed: 10, jobs: 600 })).not.toEqual(many)
    expect(new Set(many.map(({ job }) => job))).toEqual(new Set(config.jobs))
    const effects = many.flatMap((item) => item.effects.map(({ sink, key }) => `${sink} ${key}`))
    expect(new Set(effects).size).toBe(effects.length)
  })
})

describe('the config', () => {
  it('asks for nothing that only some brokers have', () => {
    for (const job of config.jobs) {
      expect([job.unique, job.orderKey, job.priority]).toEqual([null, null, 'normal'])
      expect(job.key).not.toBeNull()
    }
  })

  it('names what is missing when a worker is started without the services', () => {
    expect(() => openShop({})).toThrow(/SHOP_SMTP_URL is not set; .*npm run services/)
  })
})
