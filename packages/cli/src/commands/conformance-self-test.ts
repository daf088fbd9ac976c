import { writeFileSync } from 'node:fs'
import { matrixTable, selfTest } from '@switchyard/conformance/mutants'
import { MemoryBroker, memory } from '@switchyard/memory'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { printable, type Terminal } from '../terminal.ts'

interface SelfTestOptions {
  readonly json?: boolean
  readonly matrix?: string
}

/** `switchyard conformance self-test`: every mutant must be caught and nothing healthy accused; 1 otherwise. About a minute. */
export async function conformanceSelfTest(terminal: Terminal, options: SelfTestOptions): Promise<ExitCode> {
  let done = 0
  const matrix = await selfTest(
    () => {
      const broker = new MemoryBroker()
      return {
        open: (capabilities) => memory({ broker, capabilities }),
        cut: () => broker.cut(),
        empty: () => broker.empty(),
      }
    },
    ({ id, healthy, failed }) => {
      done += 1
      const caught = Object.keys(failed)
      const told = healthy && caught.length === 0 ? 'nothing accused' : `caught by ${caught.join(', ') || 'nobody'}`
      if (!options.json) terminal.err(`${String(done).padStart(3)} ${id}: ${told}`)
    },
  )
  const { rows, clauses, problems, digest } = matrix
  if (options.matrix !== undefined) writeFileSync(options.matrix, `${matrixTable(matrix)}\n`)
  if (options.json) {
    terminal.out(JSON.stringify({ version: 1, ...matrix }))
  } else {
    terminal.out(matrixTable(matrix))
    const broken = rows.filter(({ healthy }) => !healthy).length
    const verdict =
      problems.length === 0 ? 'every mutant is caught, nothing healthy is accused' : `${problems.length} problems`
    terminal.out(`\n${clauses.length} clauses, ${broken} mutants, ${rows.length - broken} healthy variants: ${verdict}`)
    for (const problem of problems) terminal.out(`✗ ${printable(problem)}`)
    terminal.out(digest)
  }
  return problems.length === 0 ? EXIT.ok : EXIT.violation
}
