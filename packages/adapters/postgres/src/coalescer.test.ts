import { expect, test } from 'vitest'
import { Coalescer } from './coalescer.ts'

/** Runs that end when the test says so. */
function gated() {
  const runs: { readonly items: readonly number[]; readonly gate: PromiseWithResolvers<readonly string[]> }[] = []
  const coalescer = new Coalescer<number, string>(4, (items) => {
    const gate = Promise.withResolvers<readonly string[]>()
    runs.push({ items, gate })
    return gate.promise
  })
  const finish = (index: number) => runs[index]?.gate.resolve(runs[index].items.map((item) => `a${item}`))
  return { runs, coalescer, finish }
}

test('two calls go at once; what comes meanwhile travels together, in order, and each gets its own answers', async () => {
  const { runs, coalescer, finish } = gated()
  const calls = [[1], [2], [3], [4, 5], [6]].map((items) => coalescer.add(items))
  expect(runs.map(({ items }) => items)).toEqual([[1], [2]])
  finish(0)
  expect(await calls[0]).toEqual(['a1'])
  await Promise.resolve()
  expect(runs[2]?.items).toEqual([3, 4, 5, 6])
  finish(2)
  expect(await Promise.all(calls.slice(2))).toEqual([['a3'], ['a4', 'a5'], ['a6']])
  finish(1)
  expect(await calls[1]).toEqual(['a2'])
})

test('a failed run fails the calls that shared it and no other', async () => {
  const { runs, coalescer, finish } = gated()
  const calls = [1, 2, 3, 4].map((item) => coalescer.add([item]).catch((error: unknown) => error))
  finish(0)
  await calls[0]
  await Promise.resolve()
  const fault = new Error('cut')
  runs[2]?.gate.reject(fault)
  expect(await Promise.all([calls[2], calls[3]])).toEqual([fault, fault])
  finish(1)
  expect(await calls[1]).toEqual(['a2'])
})

test('a merge stays below the limit, and a larger call stays whole', async () => {
  const { runs, coalescer, finish } = gated()
  const calls = [[1], [2], [3, 4, 5], [6, 7], [8, 9, 10, 11, 12]].map((items) => coalescer.add(items))
  for (let index = 0; index < 5; index += 1) {
    finish(index)
    await calls[index]
    await Promise.resolve()
  }
  expect(runs.map(({ items }) => items.length)).toEqual([1, 1, 3, 2, 5])
})
