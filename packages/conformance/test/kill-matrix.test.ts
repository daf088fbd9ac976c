import { beforeAll, describe, expect, test } from 'vitest'
import { cases, HASTY, sessionOf } from '../src/index.ts'
import type { Mutant } from '../src/mutants/index.ts'
import { mutants } from '../src/mutants/index.ts'
import type { Subject } from '../src/subject.ts'
import { MANIFESTS, subjectOver } from './mutant-subject.ts'

async function failuresOf(subject: Subject): Promise<Map<string, string>> {
  await using session = await sessionOf(subject, import.meta.url, { patience: HASTY })
  const failed = new Map<string, string>()
  for (const one of cases) {
    const { status, why } = await session.run(one)
    if (status !== 'passed' && status !== 'not-applicable') failed.set(one.id, why ?? status)
  }
  return failed
}

const HEALTHY = Object.keys(MANIFESTS) as Mutant['over'][]
const matrix = new Map<string, ReadonlyMap<string, string>>()

// All at once: they mostly wait, each on a broker of its own.
beforeAll(async () => {
  const subjects = [...HEALTHY.map((over) => subjectOver(over)), ...mutants.map((one) => subjectOver(one.over, one))]
  await Promise.all(subjects.map(async (subject) => void matrix.set(subject.name, await failuresOf(subject))))
}, 240_000)

describe('the suite proves itself', () => {
  test.each(HEALTHY)('nothing fails on healthy memory, manifest %s, even in haste', (over) => {
    expect(Object.fromEntries(matrix.get(`memory ${over}`) ?? [['never', 'ran']])).toEqual({})
  })

  test.each(mutants)('$id ($title) is caught by $killedBy', ({ id, killedBy }) => {
    expect([...(matrix.get(id)?.keys() ?? [])]).toEqual(expect.arrayContaining([...killedBy]))
  })

  test('every clause is failed by a mutant that is not simply dead', () => {
    const blunt = new Set(['M-null', 'M-refuse-all'])
    const sharp = mutants.filter(({ id }) => !blunt.has(id))
    const unkilled = cases.filter(({ id }) => !sharp.some((mutant) => matrix.get(mutant.id)?.has(id)))
    expect(unkilled.map(({ id }) => id)).toEqual([])
  })

  test('nobody is missing from the matrix (SWITCHYARD_KILL_MATRIX=1 prints it)', () => {
    if (process.env.SWITCHYARD_KILL_MATRIX !== undefined) console.log(table())
    expect(matrix.size).toBe(HEALTHY.length + mutants.length)
  })
})

function table(): string {
  const ids = cases.map(({ id }) => id)
  const row = (name: string, failed: ReadonlyMap<string, string>) =>
    `| ${name} | ${ids.map((id) => (failed.has(id) ? 'x' : ' ')).join(' | ')} |`
  return [`| | ${ids.join(' | ')} |`, ...[...matrix].map(([name, failed]) => row(name, failed))].join('\n')
}
