import { describe, expect, test } from 'vitest'
import { runProperty } from '../src/property/index.ts'

const memory = new URL('../../adapters/memory/test/subject.ts', import.meta.url).href
const sqlite = new URL('../../adapters/sqlite/test/subject.ts', import.meta.url).href
const broken = new URL('./broken/forgetful.ts', import.meta.url).href

describe('generated sequences against the model', () => {
  test('memory, 1 500 sequences', async () => {
    const result = await runProperty(memory, { runs: 1_500 })
    expect(result, JSON.stringify(result)).toMatchObject({ ok: true, runs: 1_500 })
  }, 120_000)

  test('SQLite, 20 sequences', async () => {
    const result = await runProperty(sqlite, { runs: 20 })
    expect(result, JSON.stringify(result)).toMatchObject({ ok: true, runs: 20 })
  }, 120_000)

  test('a note that is lost at the third return is found, shrunk, and played again by seed and path', async () => {
    const found = await runProperty(broken, { runs: 200, seed: 11 })
    expect(found.ok).toBe(false)
    expect(found.failure?.why).toMatch(/^failed: (?:step \d+ \(\w+\): )?note of /)
    const steps = found.failure?.sequence.map((one) => one.do) ?? []
    expect(steps.filter((one) => one === 'settle')).toHaveLength(3)
    const again = await runProperty(broken, { runs: 1, seed: found.seed, path: found.failure?.path ?? '' })
    expect([again.ok, again.failure?.sequence]).toEqual([false, found.failure?.sequence])
  }, 120_000)
})
