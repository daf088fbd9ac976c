import type { Case } from '../case.ts'
import { check } from '../check.ts'
import { freshId, letter } from '../letter.ts'

/** What core escapes beyond JSON.stringify (core, json-text.ts). */
const ESCAPED = /[\u007f-\u009f\ufffe\uffff]/g
const CHUNK = 0x2000

/** A28. */
export const characters: Case = {
  id: 'A28',
  title: 'every character that JSON text can carry arrives as it was sent',
  async run(bench) {
    const queue = await bench.queue()
    const sent = Array.from({ length: 0x10000 / CHUNK }, (_, index) => {
      const text = Array.from({ length: CHUNK }, (_, low) => String.fromCharCode(index * CHUNK + low)).join('')
      return lettered(`${text}\u{1f68b}\u{10ffff}\u{e0001}`)
    })
    for (const one of sent) await bench.send(queue, one)
    const taker = await bench.taker(queue)
    const got = await taker.take(sent.length, { withinMs: bench.waits.arrivalMs, what: 'all characters' })
    for (const { id, body } of sent) {
      const seen = got.find(({ message }) => message.id === id)?.message.body ?? ''
      if (seen === body) continue
      const [left, right] = [[...body], [...seen]]
      const at = left.findIndex((character, index) => right[index] !== character)
      check(false, `the body ${id} changed at character ${at}: ${JSON.stringify(left.slice(at, at + 4).join(''))}`)
    }
    await taker.complete(got)
    await bench.empty(queue, 'after everything was completed')
  },
}

function lettered(text: string): ReturnType<typeof letter> {
  const id = freshId()
  const body = JSON.stringify({ is: id, text })
  return {
    ...letter({ id }),
    body: body.replace(ESCAPED, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`),
  }
}
