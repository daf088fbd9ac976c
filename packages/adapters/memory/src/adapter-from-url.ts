import type { AdapterFactory } from '@switchyard/core/adapter'
import { invalid } from './capabilities.ts'
import { memory } from './memory.ts'
import { namedBroker } from './memory-broker.ts'

/**
 * `memory:` is a broker of its own per factory; `memory:NAME` is one broker per process and name. Throws `invalid` for
 * anything else. `base` is for adapters with files; memory has none.
 */
export function adapterFromUrl(url: string, _base?: string): AdapterFactory<never> {
  const name = /^memory:(?:\/\/)?(.*)$/s.exec(url)?.[1]
  if (name === undefined) throw invalid('the URL is none of ours; write memory: or memory:NAME')
  if (name === '') return memory()
  if (!/^[a-zA-Z0-9._-]{1,100}$/.test(name))
    throw invalid(
      'NAME in memory:NAME must be 1 to 100 letters, digits, dots, dashes or underscores; options go into memory({ … })',
    )
  return memory({ broker: namedBroker(name) })
}
