import type { Unique, UniqueScope } from '@switchyard/core/adapter'
import type { Bench } from '../bench.ts'
import type { Case } from '../case.ts'
import { refused, same, word } from '../check.ts'
import { identitiesOf, letter } from '../letter.ts'

const SCOPES: readonly UniqueScope[] = ['queued', 'active', 'window']

/** Longer than the case. */
const WINDOW_MS = 120_000

/** A19. */
export const unique: Case = {
  id: 'A19',
  title: 'a unique promise is met exactly, or refused',
  async run(bench) {
    for (const scope of SCOPES) {
      const queue = await bench.queue()
      if (bench.capabilities.unique.value.includes(scope)) await met(bench, queue, scope)
      else {
        const message = letter({ unique: uniqueOf(scope) })
        await refused(bench.adapter.send(queue, [message]), ['unsupported'], `unique while ${scope}, not declared`)
        await bench.empty(queue, `after unique (${scope}) was refused`)
      }
    }
  },
}

function uniqueOf(scope: UniqueScope): Unique {
  return scope === 'window' ? { key: 'k', windowMs: WINDOW_MS } : { key: 'k', while: scope }
}

async function met(bench: Bench, queue: string, scope: UniqueScope): Promise<void> {
  const promise = uniqueOf(scope)
  const send = async (message = letter({ unique: promise })) => {
    const [result = 'nothing'] = (await bench.adapter.send(queue, [message])).map(word)
    return result
  }
  const first = letter({ unique: promise })
  same(await send(first), 'accepted', `first, ${scope}`)
  same(await send(), 'duplicate', `second while the first waits, ${scope}`)
  same(await send(letter({ unique: { ...promise, key: 'another' } })), 'accepted', `another key, ${scope}`)
  const taker = await bench.taker(queue)
  const got = await taker.take(2, { withinMs: bench.waits.arrivalMs, what: `one of each key, ${scope}` })
  same(await send(), scope === 'queued' ? 'accepted' : 'duplicate', `while the first is leased, ${scope}`)
  await taker.complete(got)
  // Queued: the one admitted meanwhile waits. Active: settled for good, so the next is admitted.
  same(await send(), scope === 'active' ? 'accepted' : 'duplicate', `after the first was completed, ${scope}`)
  if (scope !== 'window') {
    const last = await taker.take(1, { withinMs: bench.waits.arrivalMs, what: `the one admitted later, ${scope}` })
    same(identitiesOf(last).includes(first.id), false, `the first again, ${scope}`)
    await taker.complete(last)
  }
  await taker.consumer.close()
  await bench.empty(queue, `at the end, ${scope}`)
}
