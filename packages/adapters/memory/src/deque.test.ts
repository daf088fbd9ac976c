import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deque } from './deque.ts'

test('a deque is an array that nobody shifts, also while it grows, shrinks and wraps', () => {
  const op = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('push' as const, 'unshift' as const) },
    { weight: 3, arbitrary: fc.constant('shift' as const) },
    { weight: 1, arbitrary: fc.constantFrom('swap' as const, 'clear' as const) },
  )
  fc.assert(
    fc.property(fc.array(op, { maxLength: 300, size: 'max' }), (ops) => {
      const [deque, list] = [new Deque<number>(), [] as number[]]
      for (const [index, one] of ops.entries()) {
        if (one === 'push') deque.push(list[list.push(index) - 1] as number)
        else if (one === 'unshift') deque.unshift(list[list.unshift(index) * 0] as number)
        else if (one === 'shift') expect(deque.shift()).toBe(list.shift())
        else if (one === 'clear') {
          if (index % 5 === 0) expect(deque.clear()).toEqual(list.splice(0))
        } else if (list.length > 0) {
          const other = index % list.length
          deque.swap(other)
          ;[list[0], list[other]] = [list[other] as number, list[0] as number]
        }
        expect(deque.length).toBe(list.length)
        expect(deque.at(index % 7)).toBe(list[index % 7])
      }
      expect(deque.clear()).toEqual(list)
    }),
  )
})

test('positions are absolute: what stands at a position stays there while the front moves', () => {
  const deque = new Deque<string>()
  for (const letter of 'abcdef') deque.push(letter)
  const position = deque.start + 4
  deque.shift()
  deque.shift()
  deque.unshift('z')
  expect(deque.at(position - deque.start)).toBe('e')
})

test('a long backlog that was drained gives its memory back and loses nothing', () => {
  const deque = new Deque<number>()
  for (let at = 0; at < 100_000; at += 1) deque.push(at)
  let inOrder = true
  for (let at = 0; at < 99_990; at += 1) inOrder &&= deque.shift() === at
  expect(inOrder).toBe(true)
  expect(deque.clear()).toEqual(Array.from({ length: 10 }, (_, index) => 99_990 + index))
})
