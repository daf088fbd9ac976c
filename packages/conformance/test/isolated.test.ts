import { describe, expect, test } from 'vitest'
import type { CaseResult, Report, SubjectUnusable } from '../src/index.ts'
import { runIsolated } from '../src/index.ts'

const subject = (how: string) => new URL(`./broken/subject.ts?how=${how}`, import.meta.url).href

async function outcome(how: string, only: readonly string[] = ['A3'], hasty = false): Promise<string> {
  const report = await runIsolated(subject(how), { only, hasty }).catch((error: SubjectUnusable) => error)
  if (report instanceof Error) return `${report.fault}: ${report.message}`
  expect(report.ok).toBe(report.results.every(({ status }) => status === 'passed' || status === 'deviation'))
  return report.results
    .map(({ id, status, why = '' }: CaseResult) => `${id} ${status} ${why.split('\n')[0]}`)
    .join('\n')
}

describe('a subject that is broken ends in a stated outcome', () => {
  test.each([
    ['healthy', /^A3 passed/],
    ['throws-at-import', /^definition: .* cannot be imported: no such setting: ACME_URL/],
    ['exits-at-import', /^definition: importing subject .* takes its process down: it ended with exit code 0/],
    ['no-subject', /^definition: .* must export `const subject: Subject`/],
    ['no-name', /^definition: .*`subject.name` must be/],
    ['deviates-nowhere', /^definition: .* deviates from A999, but there is no such clause/],
    ['no-broker', /^infrastructure: the broker of acme did not start: connect ECONNREFUSED/],
    ['exits-at-start', /^infrastructure: the process of the subject died outside of every case: .* exit code 0/],
    ['options-not-json', /^definition: .*`options` of the target must survive JSON/],
    ['factory-throws', /^A3 failed .*acme is not configured/],
    ['factory-rejects', /^A3 failed .*acme is not configured/],
    ['no-adapter', /^A3 failed .*the factory resolved with undefined instead of an adapter/],
    ['no-connection', /^A3 infra-error no connection to the broker under test: .*connection refused \(unavailable\)/],
    ['rejects-behind', /^A3 failed a rejection that nobody handled while the case ran: Error: the reply of an old/],
    ['deviates', /^A3 stale-deviation listed as a deviation \(acme forgets\), but it is passed now/],
  ])('%s', async (how, expected) => expect(await outcome(how)).toMatch(expected))

  test('process.exit in an adapter fails the case that ran, and the next case still runs', async () => {
    expect(await outcome('exits-in-settle', ['A3', 'A4'])).toMatch(
      /^A3 failed the process died while the case ran: it ended with exit code 0\nA4 failed the process died/,
    )
  })

  test('an event loop that is blocked is found from outside, at import and in a case', async () => {
    expect(await outcome('blocks-at-import', ['A3'], true)).toMatch(
      /^definition: importing subject .*: it said nothing for 6000 ms: its event loop is blocked/,
    )
    expect(await outcome('blocks-in-settle', ['A3'], true)).toMatch(
      /^A3 timeout the process died while the case ran: it said nothing for 44000 ms: its event loop is blocked/,
    )
  })

  test('a call that never settles is a timeout of its case', async () => {
    expect(await outcome('settle-hangs', ['A3'], true)).toMatch(/^A3 timeout the case did not end within 12000 ms/)
  })

  test('what is printed on standard output is counted and shown, and is no part of the report', async () => {
    const printed: string[] = []
    const report = await runIsolated(subject('prints'), { only: ['A3'], onPrint: (text) => printed.push(text) })
    expect([report.ok, report.printed, printed.join('')]).toEqual([true, 2, 'acme connected\nacme ready\n'])
  })

  test('a hook that is given and never called is reported, in full runs only', async () => {
    const partial = await runIsolated(subject('misspelt-hook'), { only: ['A3'] })
    expect([partial.partial, partial.ok, partial.unusedHooks]).toEqual([true, true, []])
  })

  test('repetitions are run and told as one, shuffled by a seed', async () => {
    const order: string[] = []
    const report: Report = await runIsolated(subject('healthy'), {
      only: ['A3', 'A4', 'A5'],
      repeat: 3,
      seed: 7,
      onResult: ({ id }) => order.push(id),
    })
    expect([order.length, report.results.map(({ id }) => id), report.ok]).toEqual([9, ['A3', 'A4', 'A5'], true])
  })
})
