import type { Adapter, Consumer, Delivery, Settlement, SettleResult } from '@switchyard/core/adapter'
import { silentLogger } from '@switchyard/core/adapter'
import type { FakeClock } from '@switchyard/core/testing'
import { fakeClock } from '@switchyard/core/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memory } from './memory.ts'
import type { Sent } from './testing/plain-model.ts'
import { PlainModel } from './testing/plain-model.ts'

const LEASES = [100, 40] as const
const DEDUPE_MS = 200

type Op =
  | { readonly do: 'send'; readonly ids: readonly number[]; readonly delayMs: number; readonly key: string | undefined }
  | { readonly do: 'receive'; readonly who: 0 | 1; readonly max: number }
  | {
      readonly do: 'settle'
      readonly pick: number
      readonly kind: Settlement['kind']
      readonly delayMs: number
      readonly note: string | undefined
    }
  | { readonly do: 'extend'; readonly pick: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'reopen'; readonly who: 0 | 1 }
  | { readonly do: 'purge' }

const who = fc.constantFrom(0 as const, 1 as const)
const delayMs = fc.constantFrom(0, 0, 0, 3, 15, 50)
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      ids: fc.array(fc.nat({ max: 19 }), { minLength: 1, maxLength: 3 }),
      delayMs,
      key: fc.constantFrom(undefined, undefined, 'a', 'b'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('receive' as const), who, max: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      pick: fc.oneof(fc.nat({ max: 4 }), fc.nat({ max: 40 })),
      kind: fc.constantFrom('complete' as const, 'retry' as const, 'release' as const, 'move' as const),
      delayMs,
      note: fc.constantFrom(undefined, '{"n":1}', '{"n":2}'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('extend' as const),
      pick: fc.oneof(fc.nat({ max: 4 }), fc.nat({ max: 40 })),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const), who }) },
  { weight: 1, arbitrary: fc.constant({ do: 'purge' as const }) },
)

class Bed {
  readonly clock: FakeClock = fakeClock()
  readonly model = new PlainModel({ leases: LEASES, dedupeMs: DEDUPE_MS })
  readonly consumers: Consumer[] = []
  /** Every delivery ever handed over, stale ones too, with who has it. */
  readonly handed: { readonly delivery: Delivery; readonly consumer: Consumer; readonly lease: object }[] = []
  adapter!: Adapter

  async open(): Promise<this> {
    const host = {
      clock: this.clock,
      log: silentLogger,
      callDeadlineMs: 30_000,
      connectDeadlineMs: 10_000,
      report() {},
    }
    this.adapter = await memory()(host)
    await this.adapter.declare({ name: 'q', leaseMs: 100, ordered: true, dedupeMs: DEDUPE_MS })
    await this.adapter.declare({ name: 'other', leaseMs: 100, ordered: false, dedupeMs: 0 })
    for (const index of [0, 1] as const) await this.consume(index)
    return this
  }

  async consume(index: 0 | 1): Promise<void> {
    this.consumers[index] = await this.adapter.consume('q', { leaseMs: LEASES[index], prefetch: 0, lost() {} })
  }

  async run(op: Op): Promise<void> {
    const { model, adapter, clock } = this
    if (op.do === 'send') {
      const messages = op.ids.map((id) => message(id, op))
      const expected = messages.map((one) => model.send(one))
      expect(await adapter.send('q', messages)).toEqual(expected)
    } else if (op.do === 'receive') await this.receive(op.who, op.max)
    else if (op.do === 'settle') await this.settle(op)
    else if (op.do === 'extend') {
      const one = this.handed.at(-1 - (op.pick % Math.max(1, this.handed.length)))
      if (one === undefined) return
      expect(await one.consumer.extend([one.delivery])).toEqual([model.extend(one.lease)])
    } else if (op.do === 'advance') {
      await clock.advance(op.ms)
      model.advance(op.ms)
    } else if (op.do === 'reopen') {
      await this.consumers[op.who]?.close()
      model.close(op.who)
      await this.consume(op.who)
    } else {
      await adapter.purge('q')
      model.purge()
    }
    const { ready, leased, delayed } = await adapter.stats('q')
    expect({ ready: ready?.value, leased: leased?.value, delayed: delayed?.value }).toEqual(model.counts())
  }

  async receive(index: 0 | 1, max: number): Promise<void> {
    const consumer = this.consumers[index] as Consumer
    const abort = new AbortController()
    const receiving = consumer.receive(max, abort.signal)
    abort.abort()
    const got = await receiving
    const leases = this.model.receive(index, max)
    const shown = got.map(({ message, note, lapses }) => ({ id: message.id, body: message.body, note, lapses }))
    expect(shown).toEqual(
      leases.map(({ sent }) => ({ id: sent.id, body: sent.body, note: sent.note, lapses: sent.lapses })),
    )
    for (const [at, delivery] of got.entries()) this.handed.push({ delivery, consumer, lease: leases[at] as object })
  }

  async settle(op: Extract<Op, { do: 'settle' }>): Promise<void> {
    const one = this.handed.at(-1 - (op.pick % Math.max(1, this.handed.length)))
    if (one === undefined) return
    const { delivery } = one
    const note = op.note === undefined ? {} : { note: op.note }
    const moved = message(0, { delayMs: 0, key: undefined })
    const settlement: Settlement =
      op.kind === 'complete'
        ? { kind: 'complete', delivery }
        : op.kind === 'move'
          ? { kind: 'move', delivery, to: 'other', message: { ...moved, id: `moved-${this.handed.length}-${op.pick}` } }
          : { kind: op.kind, delivery, delayMs: op.delayMs, ...note }
    const expected: SettleResult = this.model.settle(one.lease, op)
    expect(await one.consumer.settle([settlement])).toEqual([expected])
  }
}

function message(id: number, { delayMs, key }: { delayMs: number; key: string | undefined }): Sent {
  return { id: `id-${id}`, name: 'n', body: `{"id":${id}}`, delayMs, ...(key === undefined ? {} : { orderKey: key }) }
}

test('memory does what a plain list of messages would do, whatever is called in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 20, maxLength: 100, size: 'max' }), async (ops) => {
      const bed = await new Bed().open()
      for (const one of ops) await bed.run(one)
      // Nothing is lost: with time and demand everything comes out, and then nothing is left.
      for (let round = 0; round < 40; round += 1) {
        await bed.run({ do: 'advance', ms: 60 })
        await bed.run({ do: 'receive', who: 0, max: 100 })
        for (const pick of bed.handed.keys())
          await bed.run({ do: 'settle', pick, kind: 'complete', delayMs: 0, note: undefined })
        bed.handed.length = 0
        if (Object.values(bed.model.counts()).every((count) => count === 0)) break
      }
      expect(bed.model.counts()).toEqual({ ready: 0, leased: 0, delayed: 0 })
      await bed.adapter.close()
      expect(bed.clock.pending).toBe(0)
    }),
    { numRuns: 250 },
  )
}, 120_000)
