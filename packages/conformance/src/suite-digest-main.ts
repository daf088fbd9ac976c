import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOfSources } from './digest-of-sources.ts'

// Development only: writes suite-digest.ts after a change of the suite. Reports made before are then reports of another suite.
const file = join(import.meta.dirname, 'suite-digest.ts')
const text = readFileSync(file, 'utf8')
writeFileSync(file, text.replace(/'sha256:[0-9a-f]*'/, `'${digestOfSources()}'`))
