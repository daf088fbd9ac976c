import type { HistoryFact } from '@switchyard/conformance/history'
import { afterEach, describe, expect, it } from 'vitest'
import { type EffectLedger, effectRecorder, type SeenEffect, startLedger } from './effect-ledger.ts'

const written: HistoryFact[] = []
let ledger: EffectLedger | undefined
afterEach(async () => {
  written.length = 0
  await ledger?.close()
})

async function start(after: (effect: SeenEffect) => Promise<void> = async () => {}): Promise<string> {
  const history = { proc: 'ledger', epoch: 0, write: (fact: HistoryFact) => written.push(fact) }
  ledger = await startLedger(effectRecorder(history, after))
  return `${ledger.url}/effects`
}

async function post(url: string, body: string): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', body })
  return { status: response.status, ...((await response.json()) as object) }
}

describe('the ledger', () => {
  it('applies an effect once per token, every time without one, and writes each request down', async () => {
    const url = await start()
    const effect = { sink: 'bank', key: 'charge:1', token: 't', job: 'j', pid: 9 }
    expect(await post(url, JSON.stringify(effect))).toEqual({ status: 200, applied: true })
    expect(await post(url, JSON.stringify(effect))).toEqual({ status: 200, applied: false })
    expect(await post(url, JSON.stringify({ key: 'charge:1' }))).toEqual({ status: 200, applied: true })
    expect(written).toEqual([
      { kind: 'effect', ...effect, applied: true },
      { kind: 'effect', ...effect, applied: false },
      { kind: 'effect', sink: 'ledger', key: 'charge:1', token: null, job: null, pid: null, applied: true },
    ])
  })

  it('refuses what is no effect and writes nothing', async () => {
    const url = await start()
    for (const body of ['{', 'null', '{"key":1}', '{"key":"a","pid":-1}', '{"key":"a","token":7}']) {
      expect(await post(url, body)).toMatchObject({ status: 400 })
    }
    expect(await post(url, JSON.stringify({ key: 'x'.repeat(70_000) }))).toMatchObject({ status: 413 })
    expect((await fetch(url)).status).toBe(404)
    expect(written).toEqual([])
  })

  it('has the effect on record before a fault can strike, and answers only afterwards', async () => {
    const atFault: number[] = []
    const url = await start(async () => void atFault.push(written.length))
    expect(await post(url, '{"key":"a"}')).toMatchObject({ applied: true })
    expect(atFault).toEqual([1])
  })

  it('closes although a client never finishes its request', async () => {
    const url = await start(() => new Promise(() => {}))
    const hanging = fetch(url, { method: 'POST', body: '{"key":"a"}' }).catch(() => 'cut')
    while (written.length === 0) await new Promise((resolve) => setImmediate(resolve))
    await ledger?.close()
    expect(await hanging).toBe('cut')
  })
})
