import { readFileSync, writeFileSync } from 'node:fs'
import type { Capability } from '@switchyard/core/adapter'
import { expect, test } from 'vitest'
import { capabilitiesOf } from './capabilities.ts'
import { settingsOf } from './options.ts'

const file = new URL('../README.md', import.meta.url)

function table(): string {
  const fifo: Readonly<Record<string, Capability<unknown>>> = { ...capabilitiesOf(settingsOf({ fifo: true })) }
  const shown = (value: unknown) => (Array.isArray(value) ? value.join(', ') || 'none' : String(value))
  const rows = Object.entries(capabilitiesOf(settingsOf({}))).map(
    ([name, { value, support, why }]: [string, Capability<unknown>]) => {
      const other = fifo[name]
      const differs = other !== undefined && (other.value !== value || other.support !== support || other.why !== why)
      const second = differs && !Array.isArray(value) ? `${shown(other.value)} (${other.support}): ${other.why}` : ''
      return `| ${name} | ${shown(value)} | ${support} | ${why} | ${second} |`
    },
  )
  return [
    '| Capability | Value | Support | Why | With `fifo`, where it differs |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

test('the README shows the manifest as it is', () => {
  const text = readFileSync(file, 'utf8')
  const wanted = text.replace(/(<!-- capabilities: [^\n]*-->\n)[\s\S]*?(<!-- end -->)/, `$1\n${table()}\n\n$2`)
  if (process.env.UPDATE_README === '1') writeFileSync(file, wanted)
  else expect(text).toBe(wanted)
})
