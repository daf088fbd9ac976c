import type { Adapter, BrowseResult } from '@switchyard/core/adapter'
import type { Case } from '../case.ts'
import { check, same } from '../check.ts'
import { identitiesOf, letter, letters } from '../letter.ts'

/** A21. */
export const browse: Case = {
  id: 'A21',
  title:
    'browse is there exactly when declared, shows every message once over all pages, and takes, ages and changes nothing',
  async run(bench) {
    const { adapter, capabilities } = bench
    same(adapter.browse !== undefined, capabilities.browse.value, 'browse present, as declared')
    const queue = await bench.queue()
    const sent = letters(7)
    const ids = sent.map(({ id }) => id).sort()
    const bodies = sent.map(({ body }) => body).sort()
    await bench.send(queue, ...sent)
    const taker = await bench.taker(queue)
    if (adapter.browse !== undefined) {
      const delayed =
        capabilities.maxDelayMs.value > 0 ? [letter({ delayMs: Math.min(60_000, capabilities.maxDelayMs.value) })] : []
      await bench.send(queue, ...delayed)
      for (const limit of [1, 3, 50])
        same((await pages(adapter, queue, 'ready', limit)).sort(), bodies, `ready, pages of ${limit}`)
      same(
        await pages(adapter, queue, 'delayed', 2),
        delayed.map(({ body }) => body),
        'delayed',
      )
      same(await pages(adapter, queue, 'leased', 2), [], 'leased before anybody took')
    }
    const got = await taker.take(7, { withinMs: bench.waits.arrivalMs, what: 'all that was browsed' })
    same(identitiesOf(got).sort(), ids, 'delivered after browsing')
    same([...new Set(got.map(({ lapses }) => lapses ?? 0))], [0], 'lapses after browsing')
    if (adapter.browse !== undefined)
      same((await pages(adapter, queue, 'leased', 2)).sort(), bodies, 'leased, pages of 2')
    await taker.complete(got)
    await taker.consumer.close()
    await bench.empty(queue, 'after everything was completed')
  },
}

async function pages(
  adapter: Adapter,
  queue: string,
  state: 'ready' | 'delayed' | 'leased',
  limit: number,
): Promise<string[]> {
  const bodies: string[] = []
  let cursor: string | null = null
  for (let page = 0; page < 20; page += 1) {
    const found: BrowseResult | undefined = await adapter.browse?.(queue, { state, cursor, limit })
    const messages = found?.messages ?? []
    check(messages.length <= limit, `browse gave ${messages.length}, the limit was ${limit}`)
    bodies.push(...messages.map(({ message }) => message.body))
    cursor = found?.cursor ?? null
    if (cursor === null) return bodies
  }
  check(false, `browse of ${state} in pages of ${limit} did not end within 20 pages`)
  return bodies
}
