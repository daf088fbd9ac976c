import { faultyAdapter } from '@switchyard/core/testing'
import { memory } from '@switchyard/memory'
import { describe, expect, it } from 'vitest'
import { signedHeaders } from '../shop/webhook-signature.ts'
import { type ShopFixture, startShop } from '../shop-fixture.ts'
import { startPaymentReceiver } from './payment-receiver.ts'

const EVENT = JSON.stringify({ account: 'acct-1', cents: 4_200, month: '2026-11' })

interface Post {
  readonly body?: string
  readonly secret?: string
  readonly sentBody?: string
  readonly ageMs?: number
  readonly path?: string
}

/** Sends one event as the provider would; `sentBody` is what somebody made of it on the way. */
async function post({ yard, secret }: ShopFixture, given: Post = {}) {
  const receiver = await startPaymentReceiver({ yard, secret })
  try {
    const { body = EVENT, ageMs = 0, path = '/payments' } = given
    const headers = signedHeaders({ id: 'evt-1', body, secret: given.secret ?? secret, nowMs: Date.now() - ageMs })
    const response = await fetch(`${receiver.url}${path}`, { method: 'POST', body: given.sentBody ?? body, headers })
    const answer = (await response.json()) as { readonly jobId?: string; readonly status?: string }
    return { code: response.status, jobId: answer.jobId, enqueue: answer.status }
  } finally {
    await receiver.close()
  }
}

async function waiting({ yard }: ShopFixture): Promise<number | undefined> {
  const { lanes } = await yard.stats('realtime')
  return lanes[0]?.stats.ready?.value
}

describe('the payment receiver', () => {
  it('enqueues an event with a true signature; a repetition is the same job', async () => {
    await using fixture = await startShop()
    const first = await post(fixture)
    const second = await post(fixture)
    expect([first, second]).toMatchObject([
      { code: 202, enqueue: 'accepted' },
      { code: 202, enqueue: 'duplicate' },
    ])
    expect(second.jobId).toBe(first.jobId)
    await fixture.drain()
    await post(fixture)
    await fixture.drain()
    expect(await fixture.rows()).toEqual(['payment:evt-1'])
  })

  it.each<[string, Post]>([
    ['signed with another secret', { secret: 'whsec_AAAA' }],
    ['changed on the way', { sentBody: EVENT.replace('4200', '9999') }],
    ['recorded ten minutes ago', { ageMs: 600_000 }],
  ])('refuses what was %s, and enqueues nothing', async (_what, given) => {
    await using fixture = await startShop()
    expect(await post(fixture, given)).toMatchObject({ code: 401 })
    expect(await waiting(fixture)).toBe(0)
  })

  it.each([
    ['is no JSON', '{'],
    ['lacks a field', '{"account":"acct-1"}'],
    ['has a month that is none', '{"account":"acct-1","cents":1,"month":"November"}'],
    ['has half a cent', '{"account":"acct-1","cents":0.5,"month":"2026-11"}'],
  ])('answers 400 to a signed event that %s', async (_what, body) => {
    await using fixture = await startShop()
    expect(await post(fixture, { body })).toMatchObject({ code: 400 })
    expect(await waiting(fixture)).toBe(0)
  })

  it.each(['fail', 'drop-reply'] as const)(
    'says 503 when the broker does not confirm (%s): the event comes again and is one payment',
    async (kind) => {
      await using fixture = await startShop({ broker: faultyAdapter(memory(), [{ call: 'send', nth: 1, kind }]) })
      expect(await post(fixture)).toMatchObject({ code: 503 })
      expect(await post(fixture)).toMatchObject({ code: 202, enqueue: kind === 'fail' ? 'accepted' : 'duplicate' })
      await fixture.drain()
      expect(await fixture.rows()).toEqual(['payment:evt-1'])
    },
  )

  it('knows one path', async () => {
    await using fixture = await startShop()
    expect(await post(fixture, { path: '/__proto__' })).toMatchObject({ code: 404 })
  })
})
