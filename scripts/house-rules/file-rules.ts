import { posix } from 'node:path'
import { isNode, isTest, nameOf, type Rule, type SourceFile, violation, walk } from './source-file.ts'

/** Design 9: most files near 100 lines, none over this. */
const LONGEST_FILE = 300

/** No source file has more than 300 lines. */
export const shortFiles: Rule = (file) => {
  const lines = file.text.trimEnd().split('\n').length
  if (lines <= LONGEST_FILE || isTest(file)) return []
  return [violation(file, file.text.length, `has ${lines} lines; ${LONGEST_FILE} at most`)]
}

const KEBAB_CASE = /^[a-z0-9]+([-.][a-z0-9]+)*\.ts$/
const BUCKETS = /^(utils?|types?|helpers?|common|misc|shared)(\.test)?\.ts$/

/** A file is named after its main export, in kebab-case; a bucket has no main export. */
export const fileNames: Rule = (file) => {
  const name = posix.basename(file.path)
  if (BUCKETS.test(name)) return [violation(file, 0, `is a bucket: name it after what it exports`)]
  return KEBAB_CASE.test(name) ? [] : [violation(file, 0, `is not named in kebab-case`)]
}

/** Names are given once, by the module; configuration files are read by tools that want a default export. */
export const noDefaultExports: Rule = (file) => {
  if (/\.config\.ts$/.test(file.path)) return []
  return file.body
    .filter((node) => node.type === 'ExportDefaultDeclaration')
    .map((node) => violation(file, node.start, `has a default export`))
}

/** What is left to do is an issue, not a comment. */
export const noTodo: Rule = (file) =>
  file.comments
    .filter(({ value }) => /\b(TODO|FIXME|XXX|HACK)\b/.test(value))
    .map(({ start }) => violation(file, start, `leaves something to do in a comment`))

/**
 * A test that does not run says why: `.skip` and `.todo` need a comment on their line or the one above; `.only` never
 * stays.
 */
export const noSilentSkips: Rule = (file) => {
  if (!isTest(file)) return []
  const found: string[] = []
  walk(file.body, (node, parent) => {
    if (node.type !== 'MemberExpression' || !/^(test|it|describe|suite)$/.test(rootName(node) ?? '')) return
    if (parent?.type === 'MemberExpression' && parent.object === node && nameOf(parent.property) !== 'each') return
    const word = nameOf(node.property)
    if (word === 'only') found.push(violation(file, node.start, `keeps all other tests from running (.only)`))
    if ((word === 'skip' || word === 'todo') && !hasReason(file, node.start)) {
      found.push(violation(file, node.start, `skips a test without saying why (.${word})`))
    }
  })
  return found
}

function rootName(node: unknown): string | undefined {
  return isNode(node) && node.type === 'MemberExpression' ? rootName(node.object) : nameOf(node)
}

function hasReason(file: SourceFile, at: number): boolean {
  const lineOf = (offset: number) => file.text.slice(0, offset).split('\n').length
  const line = lineOf(at)
  return file.comments.some(({ end }) => lineOf(end) === line || lineOf(end) === line - 1)
}

/**
 * Every exported name has a doc comment. Exports on adjoining lines are a group, for which one comment is enough
 * (overloads, a list of constants).
 */
export const documentedExports: Rule = (file) => {
  if (!/^packages\/(?!bench\/)(.+\/)?src\//.test(file.path) || isTest(file)) return []
  const found: string[] = []
  let groupEnd = -1
  for (const node of file.body) {
    if (node.type !== 'ExportNamedDeclaration' || !isNode(node.declaration)) continue
    const documented = hasDocComment(file, node.start)
    const inGroup = groupEnd >= 0 && /^[ \t]*\n?[ \t]*$/.test(file.text.slice(groupEnd, node.start))
    if (documented || inGroup) groupEnd = node.end
    else found.push(violation(file, node.start, `exports without a doc comment: ${firstLine(file, node.start)}`))
  }
  return found
}

/** Directly above, or with only line comments (an instruction to the linter, say) in between. */
function hasDocComment(file: SourceFile, at: number): boolean {
  const above = file.text.slice(0, at).trimEnd().length
  const comment = file.comments.find(({ end }) => end === above)
  if (comment?.type === 'Line') return hasDocComment(file, comment.start)
  return comment?.value.startsWith('*') === true
}

const firstLine = (file: SourceFile, at: number) => file.text.slice(at).split('\n', 1)[0]?.slice(0, 80) ?? ''
