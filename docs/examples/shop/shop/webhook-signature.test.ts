import { describe, expect, it } from 'vitest'
import { signedHeaders, verifiedId } from './webhook-signature.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const body = '{"test": 2432232314}'
const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
const nowMs = 1_614_265_330_000
const headers = signedHeaders({ id, body, secret, nowMs })

describe('webhook signatures', () => {
  it('signs as the example of the Standard Webhooks specification', () => {
    expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  it('knows its own signature, also beside others', () => {
    expect(verifiedId(headers, { body, secret, nowMs })).toBe(id)
    const both = { ...headers, 'webhook-signature': `v1,AAAA v1a,BBBB ${headers['webhook-signature']}` }
    expect(verifiedId(both, { body, secret, nowMs })).toBe(id)
  })

  it.each([
    ['another body', headers, { body: `${body} `, secret, nowMs }],
    ['another secret', headers, { body, secret: 'whsec_AAAA', nowMs }],
    ['another id', { ...headers, 'webhook-id': 'msg_2' }, { body, secret, nowMs }],
    ['another time', { ...headers, 'webhook-timestamp': '1614265331' }, { body, secret, nowMs }],
    ['a time that is none', { ...headers, 'webhook-timestamp': '1e9' }, { body, secret, nowMs }],
    ['an old request', headers, { body, secret, nowMs: nowMs + 300_001 }],
    ['a request from the future', headers, { body, secret, nowMs: nowMs - 300_001 }],
    ['no signature', { 'webhook-id': id, 'webhook-timestamp': '1614265330' }, { body, secret, nowMs }],
    ['an empty signature', { ...headers, 'webhook-signature': 'v1,' }, { body, secret, nowMs }],
  ])('refuses %s', (_what, given, message) => {
    expect(verifiedId(given, message)).toBeNull()
  })
})
