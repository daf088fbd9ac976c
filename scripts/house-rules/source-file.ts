import { readFileSync } from 'node:fs'
import { type Comment, type ParseResult, parseSync } from 'oxc-parser'

/** A syntax node as rules see it: a kind, a place, and children under any name. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

/** One `import`, `export … from` or `import()`. */
export interface ImportedModule {
  readonly specifier: string
  readonly names: readonly string[]
  readonly at: number
}

/** One parsed source file of the repository. */
export interface SourceFile {
  /** From the repository's root, with `/`. */
  readonly path: string
  readonly text: string
  readonly body: readonly SyntaxNode[]
  readonly comments: readonly Comment[]
  readonly imports: readonly ImportedModule[]
}

/** What one rule has to say about one file: `path:line message` for every violation. */
export type Rule = (file: SourceFile) => readonly string[]

/** Reads and parses a file; throws where it does not parse, since a rule would see half of it. */
export function readSource(path: string, root: string): SourceFile {
  return parseSource(path, readFileSync(`${root}/${path}`, 'utf8'))
}

/** Parses a text as if it stood at `path`. */
export function parseSource(path: string, text: string): SourceFile {
  const parsed = parseSync(path, text)
  const [error] = parsed.errors
  if (error !== undefined) throw new Error(`${path} does not parse: ${error.message}`)
  const body = parsed.program.body as unknown as readonly SyntaxNode[]
  return { path, text, body, comments: parsed.comments, imports: importsOf(parsed, text) }
}

function importsOf({ module }: ParseResult, text: string): readonly ImportedModule[] {
  const found: ImportedModule[] = []
  for (const one of module.staticImports) {
    const names = one.entries.map((entry) => entry.importName.name ?? '*')
    found.push({ specifier: one.moduleRequest.value, names, at: one.start })
  }
  for (const one of module.staticExports) {
    for (const { moduleRequest, importName } of one.entries) {
      if (moduleRequest === null) continue
      found.push({ specifier: moduleRequest.value, names: [importName.name ?? '*'], at: one.start })
    }
  }
  for (const { start, moduleRequest } of module.dynamicImports) {
    const literal = /^(['"`])([^'"`$]*)\1$/.exec(text.slice(moduleRequest.start, moduleRequest.end))
    if (literal?.[2] !== undefined) found.push({ specifier: literal[2], names: ['*'], at: start })
  }
  return found
}

/** Calls `see` for every node, parents first; `parent` is null at the top. */
export function walk(
  nodes: readonly SyntaxNode[],
  see: (node: SyntaxNode, parent: SyntaxNode | null) => void,
  parent: SyntaxNode | null = null,
): void {
  for (const node of nodes) {
    see(node, parent)
    for (const value of Object.values(node)) {
      const children = (Array.isArray(value) ? value : [value]).filter(isNode)
      if (children.length > 0) walk(children, see, node)
    }
  }
}

/** Is it a node (and not a text, a number or a position)? */
export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

/** The name of an identifier; undefined for every other node. */
export function nameOf(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Identifier' && typeof node.name === 'string' ? node.name : undefined
}

/** `path:line message`, as editors understand it. */
export function violation(file: SourceFile, at: number, message: string): string {
  return `${file.path}:${file.text.slice(0, at).split('\n').length} ${message}`
}

/** Tests may reach further than what they test. */
export function isTest({ path }: Pick<SourceFile, 'path'>): boolean {
  return /\.test(-d)?\.ts$/.test(path) || /(^|\/)test\//.test(path)
}
