import { isTest, nameOf, type Rule, type SyntaxNode, violation, walk } from './source-file.ts'

const TIMERS = new Set(['setTimeout', 'setInterval', 'setImmediate', 'performance'])

/** Members of globals that are time or chance. */
const MEMBERS: Readonly<Record<string, RegExp>> = {
  Math: /^random$/,
  crypto: /^(random\w*|getRandomValues)$/,
  webcrypto: /^(random\w*|getRandomValues)$/,
  process: /^(hrtime|uptime)$/,
  AbortSignal: /^timeout$/,
  globalThis: /^(setTimeout|setInterval|setImmediate|performance|crypto|Date)$/,
}

const MODULES: Readonly<Record<string, RegExp>> = {
  timers: /./,
  'timers/promises': /./,
  perf_hooks: /./,
  crypto: /^(random\w*|getRandomValues|webcrypto)$/,
}

/**
 * Core and the adapters take time, timers and chance from the Clock that they are given, so that tests and the
 * simulator can own all three. Only the system clock itself touches the real ones. `queueMicrotask` is allowed, and
 * `setImmediate` in an adapter that calls a broker synchronously and must let the event loop turn: they wait for
 * nothing.
 */
export const clockOnly: Rule = (file) => {
  if (!/^packages\/(core|adapters\/[^/]+)\/src\//.test(file.path)) return []
  if (file.path === 'packages/core/src/runtime/clock.ts' || isTest(file)) return []
  const inCore = file.path.startsWith('packages/core/')
  const found = file.imports.flatMap(({ specifier, names, at }) => {
    const timed = MODULES[specifier.replace(/^node:/, '')]
    const name = timed && names.find((one) => timed.test(one))
    return name === undefined ? [] : [violation(file, at, `imports ${name} of ${specifier}; use the Clock`)]
  })
  walk(file.body, (node, parent) => {
    const what = timeOrChance(node, parent, inCore)
    if (what !== undefined) found.push(violation(file, node.start, `touches ${what}; use the Clock`))
  })
  return found
}

function timeOrChance(node: SyntaxNode, parent: SyntaxNode | null, inCore: boolean): string | undefined {
  if (node.type === 'MemberExpression') {
    const [object, member] = [nameOf(node.object), nameOf(node.property)]
    if (object !== undefined && member !== undefined && MEMBERS[object]?.test(member)) return `${object}.${member}`
    return undefined
  }
  const name = nameOf(node)
  if (name === undefined || isOnlyAName(node, parent)) return undefined
  if (TIMERS.has(name)) return name === 'setImmediate' && !inCore ? undefined : name
  return name === 'Date' && !isHarmlessDate(node, parent) ? 'the current date' : undefined
}

/** `socket.setTimeout`, `{ setTimeout: … }`, a method or a type of that name: not the global. */
function isOnlyAName(node: SyntaxNode, parent: SyntaxNode | null): boolean {
  if (parent === null) return false
  if (parent.type === 'MemberExpression') return parent.property === node && parent.computed !== true
  const named = ['Property', 'MethodDefinition', 'PropertyDefinition', 'TSPropertySignature', 'TSMethodSignature']
  return named.includes(parent.type) && parent.key === node && parent.shorthand !== true
}

/** A Date made from a number or a text, its two pure functions, and the type. */
function isHarmlessDate(node: SyntaxNode, parent: SyntaxNode | null): boolean {
  if (parent === null) return false
  if (parent.type === 'NewExpression') {
    return parent.callee === node && Array.isArray(parent.arguments) && parent.arguments.length > 0
  }
  if (parent.type === 'MemberExpression') return /^(parse|UTC|prototype)$/.test(nameOf(parent.property) ?? '')
  return parent.type === 'BinaryExpression' || parent.type === 'TSTypeReference'
}
