import { posix } from 'node:path'
import { isTest, type Rule, violation } from './source-file.ts'

const SEAM = ['runtime', 'errors', 'adapter']
const POLICY = [...SEAM, 'job', 'policy', 'observe']
const LIFE = [...POLICY, 'client', 'worker', 'coordination']
const DOOR = [...LIFE, 'yard', 'resolve-broker', 'connect', 'define-config']

/**
 * Which room of core may import which (design 3, "Rooms inside core"). A room is a folder of packages/core/src, or a
 * file that stands there alone. A new room needs a line here, on purpose.
 */
const CORE_ROOMS: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  errors: ['runtime'],
  adapter: ['runtime'],
  store: ['runtime'],
  job: SEAM,
  policy: [...SEAM, 'job'],
  observe: [...SEAM, 'job', 'policy'],
  client: POLICY,
  worker: POLICY,
  coordination: [...POLICY, 'store'],
  yard: LIFE,
  'resolve-broker': SEAM,
  connect: [...LIFE, 'yard', 'resolve-broker'],
  'define-config': [...LIFE, 'connect'],
  index: DOOR,
  testing: DOOR,
}

/** Core's rooms import only what stands below them. */
export const coreRooms: Rule = (file) => {
  if (!file.path.startsWith('packages/core/src/') || isTest(file)) return []
  const room = roomOf(file.path)
  const allowed = CORE_ROOMS[room]
  if (allowed === undefined)
    return [violation(file, 0, `is in a room "${room}" that scripts/house-rules does not know`)]
  return file.imports.flatMap(({ specifier, at }) => {
    if (!specifier.startsWith('.')) return []
    const target = roomOf(posix.join(posix.dirname(file.path), specifier))
    if (target === room || allowed.includes(target)) return []
    return [violation(file, at, `room ${room} must not import room ${target} (${specifier})`)]
  })
}

function roomOf(path: string): string {
  const [first = '', ...rest] = path.replace('packages/core/src/', '').split('/')
  return rest.length === 0 ? first.replace(/\.ts$/, '') : first
}

/** Which of our packages the sources of a package may import (design 3); tests may import any. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  core: [],
  adapters: ['@switchyard/core/adapter'],
  brokers: [],
  conformance: ['@switchyard/core', '@switchyard/brokers'],
  chaos: ['@switchyard/core', '@switchyard/conformance', '@switchyard/brokers'],
  cli: ['@switchyard/'],
  bench: ['@switchyard/'],
}

/** Packages see each other through public entries, and only downwards. */
export const packageImports: Rule = (file) => {
  const [, family = '', name = ''] = /^packages\/([^/]+)\/([^/]+)/.exec(file.path) ?? []
  if (family === '') return []
  const allowed = PACKAGES[family]
  if (allowed === undefined) return [violation(file, 0, `is in a package that scripts/house-rules does not know`)]
  const home = family === 'adapters' ? `packages/adapters/${name}/` : `packages/${family}/`
  return file.imports.flatMap(({ specifier, at }) => {
    if (specifier.startsWith('.')) {
      const target = posix.join(posix.dirname(file.path), specifier)
      return target.startsWith(home) ? [] : [violation(file, at, `reaches into another package (${specifier})`)]
    }
    if (!specifier.startsWith('@switchyard/') || isTest(file)) return []
    if (allowed.some((entry) => specifier === entry || specifier.startsWith(withSlash(entry, family)))) return []
    return [
      violation(file, at, `packages/${family} must not import ${specifier}; allowed: ${allowed.join(', ') || 'none'}`),
    ]
  })
}

/** An adapter gets exactly the seam; everyone else may use every entry of a package. */
function withSlash(entry: string, family: string): string {
  return family === 'adapters' || entry.endsWith('/') ? entry : `${entry}/`
}

/** Libraries that talk to a broker. */
const BROKER_LIBRARIES = /^(amqplib|pg|pg-boss|bullmq|ioredis|redis|fauxqs|@aws-sdk\/client-sqs|node:sqlite)(\/|$)/

/**
 * Core, conformance, chaos and the command line know no broker: only adapters (and what starts or measures servers)
 * do.
 */
export const brokerLibraries: Rule = (file) => {
  if (!/^packages\/(core|conformance|chaos|cli)\//.test(file.path) || isTest(file)) return []
  return file.imports
    .filter(({ specifier }) => BROKER_LIBRARIES.test(specifier))
    .map(({ specifier, at }) => violation(file, at, `imports the broker library ${specifier}; only adapters may`))
}
