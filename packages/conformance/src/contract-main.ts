import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mutants } from './mutants/index.ts'
import { contractPage } from './reports/contract.ts'
import { readReport } from './reports/read-report.ts'

// Development only: writes docs/contract.md from the reports under docs/conformance.
const docs = new URL('../../../docs/', import.meta.url)
const folder = new URL('./conformance/', docs)
const reports = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .sort()
  .map((file) => readReport(readFileSync(new URL(file, folder), 'utf8'), file))
writeFileSync(new URL('./contract.md', docs), contractPage(reports, mutants))
