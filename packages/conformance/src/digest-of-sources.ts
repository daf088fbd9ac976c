import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

/** What cases stand on, besides each other. */
const SHARED = [
  'alive',
  'bench',
  'check',
  'counted',
  'lapse',
  'letter',
  'limited',
  'outage',
  'session',
  'taker',
  'waits',
] as const

/** The digest of the suite's sources: cases, mutants and what they share. Needs the sources, so that only the repository can compute it. */
export function digestOfSources(): string {
  const folder = (name: string) =>
    readdirSync(new URL(`./${name}/`, import.meta.url))
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => `${name}/${file}`)
  const files = [...folder('cases'), ...folder('mutants'), ...SHARED.map((name) => `${name}.ts`)].sort()
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${file}\n${readFileSync(new URL(`./${file}`, import.meta.url), 'utf8')}\n`)
  return `sha256:${hash.digest('hex')}`
}
