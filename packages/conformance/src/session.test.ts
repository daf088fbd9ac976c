import { MemoryBroker, memory } from '@switchyard/memory'
import { describe, expect, test } from 'vitest'
import type { Bench } from './bench.ts'
import type { Case } from './case.ts'
import { cases } from './cases/index.ts'
import { check, refused } from './check.ts'
import { letter } from './letter.ts'
import { runCases } from './run-cases.ts'
import { openSession, sessionOf } from './session.ts'
import type { Subject, Target } from './subject.ts'
import { HASTY } from './waits.ts'

function subject(parts: Partial<Target> = {}): Subject {
  const broker = new MemoryBroker()
  const target: Target = { options: null, shared: false, async [Symbol.asyncDispose]() {}, ...parts }
  return { name: 'memory', open: () => memory({ broker }), start: async () => target }
}

async function resultOf(run: (bench: Bench) => Promise<void>, target: Partial<Target> = {}, caseMs = 2_000) {
  await using session = await sessionOf(subject(target), import.meta.url, { patience: { ...HASTY, caseMs } })
  const one: Case = { id: 'X1', title: 'a case under test', run }
  const { status, why } = await session.run(one)
  return `${status}${why === undefined ? '' : `: ${why.split('\n')[0]}`}`
}

describe('the runner', () => {
  test('a case that resolves passed, a case that throws failed with its reason', async () => {
    expect(await resultOf(async () => {})).toBe('passed')
    expect(await resultOf(async () => check(false, 'one is not two'))).toBe('failed: one is not two')
    expect(await resultOf(async () => Promise.reject(undefined))).toBe('failed: the case threw nothing at all')
  })

  test('a case that hangs fails at its limit', async () => {
    expect(await resultOf(() => new Promise(() => {}), {}, 50)).toBe(
      'timeout: the case did not end within 50 ms: a call hangs',
    )
  })

  test('a missing hook is unverified, and not applicable only with a reason', async () => {
    const cut = async (bench: Bench) => bench.hook('cut')()
    expect(await resultOf(cut, { absent: 'embedded' })).toBe('not-applicable: cut: embedded')
    expect(await resultOf(cut)).toMatch(/^unverified: .*neither cut\(\) nor a reason/)
    expect(await resultOf(cut, { cut: async () => {} })).toBe('passed')
  })

  test('an adapter that does not open fails the case; a broker that does not start is no result at all', async () => {
    const broken: Subject = { ...subject(), open: () => () => Promise.reject(new Error('no route to host')) }
    await using session = await sessionOf(broken, import.meta.url)
    const { status, why } = await session.run(cases[0] as Case)
    expect([status, why?.includes('no route to host')]).toEqual(['failed', true])
    await expect(
      sessionOf({ ...subject(), start: () => Promise.reject(new Error('no server')) }, import.meta.url),
    ).rejects.toThrow('no server')
  })

  test('a module without a subject and a clause that does not exist are errors that name them', async () => {
    await expect(openSession(new URL('./waits.ts', import.meta.url).href)).rejects.toThrow(/must export `const subject/)
    await expect(runCases('file:///nowhere.ts', { only: ['A99'] })).rejects.toThrow(/no clause "A99"; there are A1, /)
  })

  test('clause ids are unique and stable in form', () => {
    const ids = cases.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^A[1-9]\d*$/)
  })
})

describe('what cases check with', () => {
  test('empty finds a message that should not be there', async () => {
    const result = await resultOf(async (bench) => {
      const queue = await bench.queue()
      await bench.send(queue, letter())
      await bench.empty(queue, 'here')
    })
    expect(result).toMatch(/^failed: here: expected nothing but the sentinel/)
  })

  test('take fails when too little comes, and says what was awaited', async () => {
    const result = await resultOf(async (bench) => {
      const taker = await bench.taker(await bench.queue())
      await taker.take(1, { withinMs: 20, what: 'a ghost' })
    })
    expect(result).toBe('failed: a ghost: expected 1 deliveries within 20 ms, saw 0 []')
  })

  test('refused wants a BrokerError with the right code, thrown or answered, for every item', async () => {
    const result = (call: Promise<unknown>) => resultOf(() => refused(call, ['unsupported'], 'it'))
    expect(await result(Promise.resolve(['accepted']))).toMatch(/^failed: it: expected a BrokerError/)
    expect(await result(Promise.resolve())).toMatch(/^failed: it: .* answered nothing/)
    expect(await result(Promise.reject(new Error('unsupported')))).toMatch(/^failed: it: .* threw Error/)
  })
})
