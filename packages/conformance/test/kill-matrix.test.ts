import { MemoryBroker, memory } from '@switchyard/memory'
import { beforeAll, describe, expect, test } from 'vitest'
import type { KillMatrix, MatrixRow } from '../src/self-test/index.ts'
import { MANIFESTS, matrixTable, mutants, problemsOf, selfTest } from '../src/self-test/index.ts'

let matrix: KillMatrix | undefined

beforeAll(async () => {
  matrix = await selfTest(() => {
    const broker = new MemoryBroker()
    return {
      open: (capabilities) => memory({ broker, capabilities }),
      cut: () => broker.cut(),
      empty: () => broker.empty(),
    }
  })
}, 400_000)

describe('the suite proves itself', () => {
  test('every mutant is caught by the clauses that it names, every clause can fail, nothing healthy is accused', () => {
    if (process.env.SWITCHYARD_KILL_MATRIX !== undefined && matrix !== undefined) console.log(matrixTable(matrix))
    expect(matrix?.problems).toEqual([])
  })

  test('nobody is missing', () => {
    expect(matrix?.rows.length).toBe(Object.keys(MANIFESTS).length + mutants.length)
  })
})

describe('what the matrix would tell', () => {
  const row = (parts: Partial<MatrixRow>): MatrixRow => ({
    id: 'M-x',
    title: 'x',
    healthy: false,
    named: [],
    failed: {},
    passed: [],
    ...parts,
  })

  test('a survivor, a false alarm, a dead adapter that is green, and a clause that nothing kills', () => {
    const problems = problemsOf([
      row({ named: ['A1', 'A2'], failed: { A1: 'why' } }),
      row({ id: 'healthy', healthy: true, failed: { A3: 'failed: too late' } }),
      row({ id: 'M-null', named: [], passed: ['A4'] }),
    ])
    expect(problems).toEqual(
      expect.arrayContaining([
        'M-x survives A2',
        'healthy is accused by A3: failed: too late',
        'M-null is green in A4',
        'no mutant can make A2 fail',
      ]),
    )
  })
})
