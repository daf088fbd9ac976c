import type { Case } from '../case.ts'
import { NotApplicable } from '../case.ts'
import { check, same, word } from '../check.ts'
import { letter } from '../letter.ts'

/** Larger bodies are declared by adapters for which the bound is memory; nobody sends them as a job. */
const LARGEST_TRIED = 67_108_864

/** A27. */
export const bounds: Case = {
  id: 'A27',
  title: 'a body of exactly maxBodyBytes arrives; one byte more is too-large, and the rest of its batch unharmed',
  async run(bench) {
    const max = bench.capabilities.maxBodyBytes.value
    if (max > LARGEST_TRIED) throw new NotApplicable(`maxBodyBytes is ${max}: larger than what the suite sends`)
    const queue = await bench.queue()
    const [before, exact, above, after] = [letter(), sized(max), sized(max + 1), letter()]
    const results = await bench.adapter.send(queue, [before, exact, above, after])
    const codes = results.map((result) => (typeof result === 'string' ? result : result.code))
    same(
      codes,
      ['accepted', 'accepted', 'too-large', 'accepted'],
      `answers; ${results.map(word).join(', ').slice(0, 300)}`,
    )
    const taker = await bench.taker(queue)
    const got = await taker.take(3, { withinMs: bench.waits.arrivalMs, what: 'the three that were accepted' })
    const bodies = new Set(got.map(({ message }) => message.body))
    for (const [what, { body }] of Object.entries({ before, exact, after }))
      check(bodies.has(body), `the body ${what} (${Buffer.byteLength(body)} bytes) did not come back byte for byte`)
    await taker.complete(got)
    await bench.empty(queue, 'after the three were completed')
  },
}

/** Letters of two bytes, so that who counts letters is found out. */
function sized(bytes: number): ReturnType<typeof letter> {
  const probe = letter({ text: '' })
  const room = bytes - Buffer.byteLength(probe.body)
  return letter({ text: 'é'.repeat(Math.floor(room / 2)) + 'x'.repeat(room % 2) })
}
