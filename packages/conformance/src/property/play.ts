import type { Delivery, Settlement } from '@switchyard/core/adapter'
import type { Bench } from '../bench.ts'
import { check, same, word } from '../check.ts'
import { identitiesOf, identityOf, letter, letters } from '../letter.ts'
import type { Taker } from '../taker.ts'
import type { Operation } from './operation.ts'

/** What the model knows of a delivery: whether its lease still stands, and who has it. */
interface Handed {
  readonly delivery: Delivery
  readonly who: 0 | 1
  live: boolean
}

/**
 * Plays a sequence on a fresh queue beside a model of a dozen lines: what is ready, what is leased, what the notes are. Every answer
 * and every delivery must be the model's; at the end everything that is left comes exactly once, and nothing else.
 */
export async function play(bench: Bench, sequence: readonly Operation[]): Promise<void> {
  const stage = await open(bench)
  for (const [index, step] of sequence.entries()) {
    try {
      await stage.step(step)
    } catch (error) {
      if (error instanceof Error) error.message = `step ${index + 1} (${step.do}): ${error.message}`
      throw error
    }
  }
  await stage.end()
}

async function open(bench: Bench): Promise<{ step(one: Operation): Promise<void>; end(): Promise<void> }> {
  const [queue, other] = [await bench.queue(), await bench.queue()]
  const connections = [bench.adapter, await bench.open()] as const
  const take = (who: 0 | 1): Promise<Taker> => bench.taker(queue, { adapter: connections[who] })
  const takers: [Taker, Taker] = [await take(0), await take(1)]
  const ready = new Map<string, string | null>()
  const moved = new Set<string>()
  const handed: Handed[] = []
  const notes = bench.capabilities.note.value !== 'unsupported'
  const within = { withinMs: bench.waits.arrivalMs }

  const seen = (delivery: Delivery) => {
    const id = identityOf(delivery)
    const note = ready.get(id)
    check(note !== undefined, `${id} was delivered, but it is not ready: leased, completed, moved, or never sent`)
    same(delivery.note, note, `note of ${id}`)
    if (bench.capabilities.lapses.value === 'exact') same(delivery.lapses, 0, `lapses of ${id}`)
    ready.delete(id)
  }
  const latest = (pick: number) => handed.at(-1 - (pick % Math.max(1, handed.length)))

  async function settle({ picks, kind, note }: Extract<Operation, { do: 'settle' }>): Promise<void> {
    const picked = [...new Set(picks.map(latest))].filter((one) => one !== undefined)
    const by = picked[0]?.who
    const asked = picked.filter(({ who }) => who === by)
    if (by === undefined) return
    const settlements = asked.map(({ delivery }): Settlement => {
      if (kind === 'complete') return { kind, delivery }
      if (kind === 'move') return { kind, delivery, to: other, message: letter() }
      return { kind, delivery, delayMs: 0, ...(note === null || !notes ? {} : { note }) }
    })
    const expected = asked.map(({ live }) => (live ? 'settled' : 'lost'))
    for (const [index, one] of asked.entries()) {
      const settlement = settlements[index]
      if (!one.live || settlement === undefined) continue
      one.live = false
      if (settlement.kind === 'move') moved.add(settlement.message.id)
      else if (settlement.kind !== 'complete') ready.set(identityOf(one.delivery), settlement.note ?? one.delivery.note)
    }
    same((await takers[by].consumer.settle(settlements)).map(word), expected, `${kind} of ${asked.length}`)
  }

  async function step(one: Operation): Promise<void> {
    if (one.do === 'send') {
      const sent = letters(one.count)
      for (const { id } of sent) ready.set(id, null)
      await bench.send(queue, ...sent)
    } else if (one.do === 'receive') {
      if (ready.size === 0) return
      const got = await takers[one.who].consumer.receive(one.max, AbortSignal.timeout(within.withinMs))
      check(got.length > 0, `${ready.size} are ready, and none came within ${within.withinMs} ms`)
      check(got.length <= one.max, `receive(${one.max}) gave ${got.length}`)
      for (const delivery of got) {
        seen(delivery)
        handed.push({ delivery, who: one.who, live: true })
      }
    } else if (one.do === 'settle') await settle(one)
    else if (one.do === 'extend') {
      const asked = latest(one.pick)
      if (asked === undefined) return
      const answers = await takers[asked.who].consumer.extend([asked.delivery])
      same(answers.map(word), [asked.live ? 'settled' : 'lost'], 'extend')
    } else await reopen(one.who)
  }

  async function reopen(who: 0 | 1): Promise<void> {
    await takers[who].consumer.close()
    for (let index = handed.length - 1; index >= 0; index -= 1) {
      const one = handed[index]
      if (one?.who !== who) continue
      if (one.live) ready.set(identityOf(one.delivery), one.delivery.note)
      // A receipt of a consumer that is closed is nobody's: only its own consumer could settle through it.
      handed.splice(index, 1)
    }
    takers[who] = await take(who)
  }

  async function end(): Promise<void> {
    for (const who of [0, 1] as const) await reopen(who)
    const [taker] = takers
    const left = await taker.take(ready.size, { ...within, what: 'what the model says is left' })
    for (const delivery of left) seen(delivery)
    await taker.complete(left)
    const reader = await bench.taker(other)
    const there = await reader.take(moved.size, { ...within, what: 'what was moved' })
    same(identitiesOf(there).sort(), [...moved].sort(), 'moved')
    await reader.complete(there)
    for (const [name, last] of [
      [queue, taker],
      [other, reader],
    ] as const) {
      const sentinel = letter()
      await bench.send(name, sentinel)
      const got = await last.take(1, { ...within, what: 'the sentinel' })
      same(identitiesOf(got), [sentinel.id], 'nothing but the sentinel at the end')
      await last.complete(got)
    }
  }
  return { step, end }
}
