import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const folder = new URL('../docs/adr/', import.meta.url)

test('the index of decisions lists every record, and every record has a status', () => {
  const index = readFileSync(new URL('README.md', folder), 'utf8')
  const records = readdirSync(folder).filter((name) => /^\d/.test(name))
  const unlisted = records.filter((name) => !index.includes(`(${name})`))
  const without = records.filter((name) => !/^Status: /m.test(readFileSync(new URL(name, folder), 'utf8')))
  expect({ unlisted, without }).toEqual({ unlisted: [], without: [] })
})
