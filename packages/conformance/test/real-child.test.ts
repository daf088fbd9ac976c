import { describe, expect, test } from 'vitest'
import { cases, HASTY, sessionOf } from '../src/index.ts'
import { sqliteUnder } from './sqlite-subject.ts'

/** The kill matrix runs over memory, where no other process can hold a lease: here the real SIGKILL shows that it can fail. */
async function killed(mutant: string | null): Promise<string> {
  const module = new URL('./sqlite-subject.ts', import.meta.url).href
  await using session = await sessionOf(sqliteUnder(mutant), module, {
    patience: { ...HASTY, arrivalMs: 5_000, caseMs: 60_000 },
  })
  const one = cases.find(({ id }) => id === 'A12')
  if (one === undefined) throw new Error('there is no clause A12')
  const { status, why, facts } = await session.run(one)
  expect(facts.variant).toBeUndefined()
  return `${status} ${why ?? ''}`.trim()
}

describe('A12 with a real process and a real SIGKILL', () => {
  test('passes on SQLite as it is', async () => expect(await killed(null)).toBe('passed'))

  test('fails when what lapsed is dropped', async () =>
    expect(await killed('M-lapsed-lost')).toMatch(/^failed what the killed process held: expected 3 deliveries/))

  test('fails when messages are completed on delivery, here and in the child', async () =>
    expect(await killed('M-receive-completes')).toMatch(/^failed what the killed process held: expected 3 deliveries/))

  test('fails when nothing is leased at all', async () =>
    expect(await killed('M-receive-no-lease')).toMatch(/^failed /))
})
