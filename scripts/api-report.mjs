import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parseSync } from 'oxc-parser'
import { root } from './run-steps.mjs'

/**
 * The public names of one built package as markdown: per entry, each exported name with its declaration from the
 * emitted .d.ts, without comments, sorted. What a reviewer needs to see when it changes, and nothing that changes
 * without need. (TypeScript 7 has no compiler API, so the usual extractors do not run; the emitted declarations say
 * the same.)
 */
export function apiReport({ name, folder, manifest }) {
  const lines = [`# ${name}`, '', 'Written by `node scripts/check-packages.mjs --update`; reviewed like code.']
  for (const [entry, target] of Object.entries(manifest.publishConfig.exports)) {
    if (typeof target === 'string') continue
    const names = exportsOf(join(root, folder, target.types))
    lines.push('', `## ${entry === '.' ? name : name + entry.slice(1)}`, '', '```ts')
    const sorted = [...names].sort(([a], [b]) => (a < b ? -1 : 1))
    lines.push(sorted.length === 0 ? '// nothing' : sorted.map(([, text]) => text).join('\n\n'), '```')
  }
  return `${lines.join('\n')}\n`
}

/** Every exported name of a declaration file with its text; `export *` is followed within the package. */
function exportsOf(file, onTheWay = []) {
  if (onTheWay.includes(file)) return new Map()
  const source = readDeclarations(file)
  const names = new Map()
  const add = (name, text) => names.set(name, names.has(name) ? `${names.get(name)}\n${text}` : text)
  for (const node of source.body) {
    if (node.type === 'ExportAllDeclaration') {
      const from = node.source.value
      const all = from.startsWith('.')
        ? exportsOf(fileOf(file, from), [...onTheWay, file])
        : new Map([[`* ${from}`, source.textOf(node)]])
      if (node.exported) add(node.exported.name, source.textOf(node))
      else for (const [name, text] of all) add(name, text)
    } else if (node.type === 'ExportNamedDeclaration' && node.declaration) {
      for (const name of declaredNames(node.declaration)) add(name, source.textOf(node))
    } else if (node.type === 'ExportNamedDeclaration') {
      for (const { exported, local } of node.specifiers) {
        add(exported.name, followed(file, source, node.source?.value, local.name, exported.name))
      }
    }
  }
  return names
}

/** `export { local as exported } from from`, followed to where it is declared. */
function followed(file, source, from, local, exported) {
  const renamed = local === exported ? '' : `// exported as ${exported}\n`
  if (from === undefined) {
    const declaration = source.body.find((node) => declaredNames(node.declaration ?? node).includes(local))
    return renamed + (declaration ? source.textOf(declaration) : `export { ${local} }`)
  }
  if (!from.startsWith('.'))
    return `export { ${local === exported ? local : `${local} as ${exported}`} } from '${from}'`
  const text = exportsOf(fileOf(file, from)).get(local)
  if (text === undefined)
    throw new Error(`${relative(root, file)} exports ${local} from ${from}, which does not have it`)
  return renamed + text
}

function declaredNames(node) {
  if (node.type === 'VariableDeclaration') return node.declarations.map(({ id }) => id.name)
  return node.id?.name === undefined ? [] : [node.id.name]
}

function fileOf(file, specifier) {
  const target = join(dirname(file), specifier.replace(/\.(js|ts)$/, '.d.ts'))
  if (!existsSync(target)) throw new Error(`${relative(root, file)} refers to ${specifier}, which was not emitted`)
  return target
}

function readDeclarations(file) {
  const text = readFileSync(file, 'utf8')
  const { program, comments, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${relative(root, file)} does not parse: ${errors[0].message}`)
  return { body: program.body, textOf: (node) => withoutComments(text, comments, node) }
}

function withoutComments(text, comments, { start, end }) {
  let result = ''
  let at = start
  for (const comment of comments) {
    if (comment.start < start || comment.end > end) continue
    result += text.slice(at, comment.start)
    at = comment.end
  }
  result += text.slice(at, end)
  return result.replace(/[ \t]+$/gm, '').replace(/\n{2,}/g, '\n')
}
