import { performJob } from '@switchyard/core/testing'
import { describe, expect, it } from 'vitest'
import { deliverWebhook } from '../jobs/deliver-webhook.ts'
import { type Answer, type Route, startHttpServer } from '../shop/http-server.ts'
import { startShop } from '../shop-fixture.ts'
import { webhookHandler } from './webhook-handler.ts'

const event = { eventId: 'whk-1', type: 'order.paid', orderId: 'o-17', cents: 4_200 } as const

/** Runs the handler against an endpoint that answers as it is told. */
async function against(route: Route, options: { readonly requestMs?: number; readonly signal?: AbortSignal } = {}) {
  await using fixture = await startShop()
  const server = await startHttpServer({ '/hook': route })
  try {
    const shop = { ...fixture.shop, webhookUrl: `${server.url}/hook` }
    const { requestMs, signal } = options
    const handler = webhookHandler(shop, requestMs === undefined ? {} : { requestMs })
    return await performJob(handler, event, signal === undefined ? {} : { signal })
  } finally {
    await server.close()
  }
}

describe('the webhook handler', () => {
  it('delivers once to an endpoint that checks the signature', async () => {
    await using fixture = await startShop()
    const handler = webhookHandler(fixture.shop)
    await performJob(handler, event)
    await performJob(handler, event)
    expect(fixture.book.applied).toMatchObject([{ sink: 'webhook', key: 'webhook:whk-1', token: 'whk-1' }])
    expect(fixture.book.repeated).toEqual([])
  })

  it('repeats with the same webhook-id after a crash between delivering and noting', async () => {
    await using fixture = await startShop()
    const handler = webhookHandler(fixture.shop)
    await performJob(handler, event)
    fixture.shop.database.exec('delete from delivered_webhooks')
    await performJob(handler, event)
    expect(fixture.book.keys('webhook')).toEqual(['webhook:whk-1'])
    expect(fixture.book.repeated).toHaveLength(1)
  })

  it('is final when the endpoint refuses its signature', async () => {
    await using fixture = await startShop()
    const handler = webhookHandler({ ...fixture.shop, webhookSecret: 'whsec_AAAA' })
    const { decision, error } = await performJob(handler, event)
    expect(decision).toMatchObject({ kind: 'dead', reason: 'permanent' })
    expect(String(error)).toContain('the webhook endpoint answered 401')
    expect(fixture.book.applied).toEqual([])
  })

  it.each<[string, Answer, number]>([
    ['seconds', { status: 429, headers: { 'retry-after': '7' } }, 7_000],
    ['seconds of a server that is away', { status: 503, headers: { 'retry-after': '30' } }, 30_000],
    ['more than we wait', { status: 429, headers: { 'retry-after': '86400' } }, 900_000],
    ['a date that has passed', { status: 429, headers: { 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' } }, 0],
  ])('honours Retry-After: %s', async (_what, answer, delayMs) => {
    const { decision } = await against(() => answer)
    expect(decision).toMatchObject({ kind: 'retry', delayMs })
  })

  it('is really busy only once: after Retry-After the worker delivers', async () => {
    await using fixture = await startShop({ troubleEvery: 1 })
    const delays: number[] = []
    fixture.yard.on('job.retried', ({ delayMs }) => delays.push(delayMs))
    await fixture.yard.enqueue(deliverWebhook, event)
    expect(await fixture.drain()).toMatchObject({ completed: 1, retried: 1, dead: 0 })
    expect(delays).toEqual([1_000])
    expect(fixture.book.keys('webhook')).toEqual(['webhook:whk-1'])
  })

  it('comes again when nobody answers in time: it may have arrived', async () => {
    const { decision, error } = await against(() => new Promise(() => {}), { requestMs: 40 })
    expect(error).toMatchObject({ name: 'TimeoutError' })
    expect(decision).toMatchObject({ kind: 'retry', failure: { class: 'ambiguous' } })
  })

  it('lets go of the request when its job is aborted', async () => {
    const given = new AbortController()
    const reason = new Error('the lease is lost')
    const { error } = await against(
      () => {
        given.abort(reason)
        return new Promise(() => {})
      },
      { signal: given.signal },
    )
    expect(error).toBe(reason)
  })

  it('carries no signed body to wherever a redirect points', async () => {
    const { error } = await against(() => ({ status: 307, headers: { location: 'http://127.0.0.1:1/' } }))
    expect(String(error)).toContain('answered 307')
  })
})
