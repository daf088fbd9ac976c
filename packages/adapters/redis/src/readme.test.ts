import { readFileSync, writeFileSync } from 'node:fs'
import { type Capability, native } from '@switchyard/core/adapter'
import { expect, test } from 'vitest'
import { capabilitiesOf } from './capabilities.ts'
import { settingsOf } from './options.ts'
import { DURABILITIES } from './server-facts.ts'

const file = new URL('../README.md', import.meta.url)

function table(): string {
  const survives = DURABILITIES.everysec ?? native('nothing', '')
  const all = Object.entries(capabilitiesOf(settingsOf({ url: 'redis://localhost' }, '/'), survives))
  const rows = all.map(([name, { value, support, why }]: [string, Capability<unknown>]) => {
    const shown = Array.isArray(value) ? value.join(', ') || 'none' : String(value)
    return `| ${name} | ${shown} | ${support} | ${why} |`
  })
  return ['| Capability | Value | Support | Why |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

test('the README shows the manifest as it is', () => {
  const text = readFileSync(file, 'utf8')
  const wanted = text.replace(/(<!-- capabilities: [^\n]*-->\n)[\s\S]*?(<!-- end -->)/, `$1\n${table()}\n\n$2`)
  if (process.env.UPDATE_README === '1') writeFileSync(file, wanted)
  else expect(text).toBe(wanted)
})
