import type { Case } from '../case.ts'
import { same } from '../check.ts'
import { freshId, letter, letters } from '../letter.ts'

/** Text that an adapter which re-encodes, normalises or parses would change. All of it is legal inside an envelope. */
const HOSTILE =
  '"text":"quote \\" backslash \\\\ slash \\/ nul \\u0000 lone \\ud800 nonchar \\uffff \u{1f68b}\u200f\u00e9e\u0301 \u2028",' +
  ' "float":1.0e+2 ,"big":12345678901234567890,"twice":1,"twice":2,"__proto__":{"x":1},"percent":"%s $1 :p ? \'"'

/** A1. Everything accepted arrives, once, byte for byte. */
export const send: Case = {
  id: 'A1',
  title: 'every accepted message arrives once, its body byte for byte, also beyond one native batch',
  async run(bench) {
    const queue = await bench.queue()
    const { sendBatch } = bench.capabilities
    const id = freshId()
    const odd = { ...letter({ id }), body: `{"is":"${id}",${HOSTILE}}` }
    const large = letter({ text: 'x'.repeat(Math.min(200_000, bench.capabilities.maxBodyBytes.value - 100)) })
    const many = letters(Math.min(sendBatch.value * 2 + 1, 60))
    await bench.send(queue, odd, ...many)
    await bench.send(queue, large)
    await bench.send(queue)
    const sent = [odd, ...many, large]
    const taker = await bench.taker(queue)
    const got = await taker.take(sent.length, { withinMs: bench.waits.arrivalMs, what: 'all that was sent' })
    const bodies = new Map(got.map(({ message }) => [message.id, message.body]))
    for (const { id, body } of sent) same(bodies.get(id), body, `body of ${id}`)
    same(bodies.size, sent.length, 'distinct ids delivered')
    await taker.complete(got)
    await bench.empty(queue, 'after everything was completed')
  },
}
