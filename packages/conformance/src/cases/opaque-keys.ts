import type { Case } from '../case.ts'
import { NotApplicable } from '../case.ts'
import { same, word } from '../check.ts'
import { identitiesOf, letter } from '../letter.ts'

/** Pairs that somebody's query, trimming, folding or separator makes one. */
const KEYS = [
  'k',
  'K',
  'k ',
  ' k',
  "k'",
  'k"',
  'k:1',
  'k:1:',
  'k\\',
  '%k',
  '*',
  '',
  'é',
  'e\u0301',
  '\u{1f68b}',
  'x'.repeat(128),
]

/** A41. */
export const opaqueKeys: Case = {
  id: 'A41',
  title: 'order keys and unique keys are opaque text: those that look alike are different keys',
  async run(bench) {
    const { unique, ordering } = bench.capabilities
    const [scope] = unique.value
    if (scope === undefined && ordering.value !== 'key')
      throw new NotApplicable('neither order keys nor unique is declared')
    if (scope !== undefined) {
      const queue = await bench.queue()
      const promise = scope === 'window' ? { windowMs: 120_000 } : { while: scope }
      const send = (keys: readonly string[]) =>
        bench.adapter.send(
          queue,
          keys.map((key) => letter({ unique: { key, ...promise } })),
        )
      same(
        (await send(KEYS)).map(word),
        KEYS.map(() => 'accepted'),
        'different unique keys',
      )
      same(
        (await send(KEYS)).map(word),
        KEYS.map(() => 'duplicate'),
        'the same unique keys again',
      )
    }
    if (ordering.value === 'key') {
      const queue = await bench.queue({ ordered: true })
      const heads = KEYS.filter((key) => key !== '').map((orderKey) => letter({ orderKey }))
      await bench.send(queue, ...heads)
      const taker = await bench.taker(queue)
      const what = 'the head of every order key, all at once'
      const got = await taker.take(heads.length, { withinMs: bench.waits.arrivalMs, what })
      same(identitiesOf(got).sort(), heads.map(({ id }) => id).sort(), what)
      await taker.complete(got)
    }
  },
}
