import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { digestOfSources } from './digest-of-sources.ts'
import { mutants } from './mutants/index.ts'
import { contractPage } from './reports/contract.ts'
import { readReport } from './reports/read-report.ts'
import { SUITE_DIGEST } from './suite-digest.ts'

const docs = new URL('../../../docs/', import.meta.url)
const folder = new URL('./conformance/', docs)
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .sort()
const reports = files.map((file) => readReport(readFileSync(new URL(file, folder), 'utf8'), file))

describe('what is committed was measured with this suite', () => {
  test('the digest is that of the sources (else: node packages/conformance/src/suite-digest-main.ts)', () => {
    expect(SUITE_DIGEST).toBe(digestOfSources())
  })

  test.each(files.map((file, index) => [file, reports[index]] as const))(
    '%s is a full run of this suite (else: switchyard conformance run SUBJECT --out docs/conformance/FILE)',
    (_, report) => {
      expect([report?.suite.digest, report?.partial]).toEqual([SUITE_DIGEST, false])
    },
  )

  test('the kill matrix is of this suite (else: switchyard conformance self-test --matrix docs/conformance/kill-matrix.md)', () => {
    expect(readFileSync(new URL('./kill-matrix.md', folder), 'utf8').split('\n')[0]).toBe(`Suite ${SUITE_DIGEST}`)
  })

  test('docs/contract.md is what the reports say (else: node packages/conformance/src/contract-main.ts)', () => {
    expect(readFileSync(new URL('./contract.md', docs), 'utf8')).toBe(contractPage(reports, mutants))
  })
})
