import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ChaosSinks, loadChaosApp, type SeenEffect } from '@switchyard/chaos'
import { connect } from '@switchyard/core'
import { drain } from '@switchyard/core/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { chaosApp } from './chaos.ts'
import { EffectBook } from './services/effect-book.ts'
import { type Listening, startHttpServer } from './shop/http-server.ts'

let dir: string
let book: EffectBook
let sinks: ChaosSinks
let ledger: Listening

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'shop chaos '))
  ledger = await startHttpServer({
    '/effects': async ({ body }) => ({
      status: 200,
      json: { applied: await book.record(JSON.parse(body) as SeenEffect) },
    }),
  })
  await startSinks()
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all([sinks.close(), ledger.close()])
  await rm(dir, { recursive: true, force: true })
})

async function startSinks(): Promise<void> {
  book = new EffectBook()
  sinks = (await chaosApp.startSinks?.({ recorder: book, dir })) as ChaosSinks
  for (const [name, value] of Object.entries(sinks.env)) vi.stubEnv(name, value)
}

/** What a producer and a worker process do, in this one. Returns how often each expected effect was applied. */
async function run(variant: string): Promise<readonly (readonly [key: string, times: number])[]> {
  await using yard = await connect({ broker: 'memory:', jobs: chaosApp.jobs, base: import.meta.dirname })
  const items = chaosApp.workload({ seed: 5, jobs: 30 })
  for (const { job, payload } of items) await yard.enqueue(job, payload)
  await drain(yard, await chaosApp.handlers({ variant, ledgerUrl: ledger.url }))
  await sinks.finish?.(book)
  const applied = book.applied.map(({ sink, key }) => `${sink} ${key}`)
  return items.flatMap(({ effects }) =>
    effects.map(
      ({ sink, key }) => [`${sink} ${key}`, applied.filter((one) => one === `${sink} ${key}`).length] as const,
    ),
  )
}

describe('the shop as a chaos run sees it', () => {
  it('is what the harness loads', async () => {
    expect(await loadChaosApp(new URL('./chaos.ts', import.meta.url).href)).toBe(chaosApp)
  })

  it.each(['careful', 'naive'])(
    'tells of every expected effect, and of the process that made it (%s)',
    async (variant) => {
      for (const effect of await run(variant)) expect(effect).toEqual([effect[0], 1])
      const online = book.applied.filter(({ sink }) => sink !== 'shop.db')
      for (const effect of online)
        expect(effect).toMatchObject({ pid: process.pid, job: expect.stringMatching(/^[0-9a-f-]{36}$/) })
    },
  )

  it('begins with empty books in a folder that was used before', async () => {
    const first = await run('careful')
    await sinks.close()
    await startSinks()
    expect(await run('careful')).toEqual(first)
  })

  it('names its variants to who asks for another', async () => {
    const handlers = async () => chaosApp.handlers({ variant: 'constructor', ledgerUrl: ledger.url })
    await expect(handlers()).rejects.toThrow('the shop has no variant "constructor"; it has: careful, naive')
  })
})
