import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { clockOnly } from './house-rules/clock-rule.ts'
import * as files from './house-rules/file-rules.ts'
import { brokerLibraries, coreRooms, packageImports } from './house-rules/import-rules.ts'
import { parseSource, type Rule, readSource } from './house-rules/source-file.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const SOURCES = ['packages/**/*.ts', 'docs/examples/**/*.ts', 'scripts/**/*.ts']
const NOT_OURS = ['**/node_modules/**', '**/dist/**', '**/templates/**']

/** Each rule with texts that it must refuse and texts that it must let pass: a rule that cannot fail proves nothing. */
const RULES: readonly {
  readonly name: string
  readonly rule: Rule
  readonly refuses: readonly (readonly [path: string, text: string])[]
  readonly allows: readonly (readonly [path: string, text: string])[]
}[] = [
  {
    name: 'a room of core imports only the rooms below it',
    rule: coreRooms,
    refuses: [
      ['packages/core/src/client/enqueue.ts', `import { Worker } from '../worker/worker.ts'`],
      ['packages/core/src/worker/worker.ts', `export { enqueue } from '../client/enqueue.ts'`],
      ['packages/core/src/adapter/adapter.ts', `import type { Job } from '../job/job.ts'`],
      ['packages/core/src/adapter/adapter.ts', `import type { JobError } from '../errors.ts'`],
      ['packages/core/src/job/job.ts', `import { decide } from '../policy/decide.ts'`],
      ['packages/core/src/policy/decide.ts', `const later = () => import('../worker/worker.ts')`],
      ['packages/core/src/runtime/clock.ts', `import { SwitchyardError } from '../errors.ts'`],
      ['packages/core/src/worker/worker.ts', `import { connect } from '../connect.ts'`],
      ['packages/core/src/attic/box.ts', `export {}`],
    ],
    allows: [
      ['packages/core/src/worker/worker.ts', `import { decide } from '../policy/decide.ts'\nimport './settler.ts'`],
      ['packages/core/src/index.ts', `export * from './connect.ts'`],
      ['packages/core/src/policy/decide.test.ts', `import { Worker } from '../worker/worker.ts'`],
    ],
  },
  {
    name: 'packages see each other through public entries, and only downwards',
    rule: packageImports,
    refuses: [
      ['packages/adapters/sqlite/src/index.ts', `import { connect } from '@switchyard/core'`],
      ['packages/adapters/sqlite/src/index.ts', `import { memory } from '@switchyard/memory'`],
      ['packages/adapters/sqlite/src/index.ts', `import { Clock } from '../../../core/src/runtime/clock.ts'`],
      ['packages/adapters/sqlite/test/a.test.ts', `import { memory } from '../../memory/src/index.ts'`],
      ['packages/core/src/connect.ts', `import { sqlite } from '@switchyard/sqlite'`],
      ['packages/brokers/src/index.ts', `import type { Clock } from '@switchyard/core/adapter'`],
      ['packages/conformance/src/index.ts', `import { run } from '@switchyard/chaos'`],
      ['packages/chaos/src/index.ts', `import { sqlite } from '@switchyard/sqlite'`],
      ['packages/attic/src/index.ts', `export {}`],
    ],
    allows: [
      ['packages/adapters/sqlite/src/index.ts', `import type { Adapter } from '@switchyard/core/adapter'`],
      ['packages/adapters/sqlite/test/a.test.ts', `import { testAdapter } from '@switchyard/conformance'`],
      ['packages/chaos/src/index.ts', `import { record } from '@switchyard/conformance/history'`],
      ['packages/cli/src/index.ts', `import { sqlite } from '@switchyard/sqlite'`],
    ],
  },
  {
    name: 'only adapters import broker libraries',
    rule: brokerLibraries,
    refuses: [
      ['packages/core/src/connect.ts', `import { connect } from 'amqplib'`],
      ['packages/chaos/src/sink.ts', `const sqlite = await import('node:sqlite')`],
    ],
    allows: [['packages/adapters/rabbitmq/src/open.ts', `import { connect } from 'amqplib'`]],
  },
  {
    name: 'core and adapters take time, timers and chance from the Clock',
    rule: clockOnly,
    refuses: [
      'Date.now()',
      'new Date()',
      'Date()',
      'const { now } = Date',
      'Math.random()',
      'setTimeout(() => {}, 1)',
      'globalThis.setInterval(() => {}, 1)',
      'performance.now()',
      'crypto.randomUUID()',
      'process.hrtime.bigint()',
      'AbortSignal.timeout(5)',
      `import { randomBytes } from 'node:crypto'`,
      `import { setTimeout as sleep } from 'node:timers/promises'`,
      `import { performance } from 'node:perf_hooks'`,
    ].flatMap((text) => [
      ['packages/core/src/worker/worker.ts', text] as const,
      ['packages/adapters/x/src/a.ts', text],
    ]),
    allows: [
      ['packages/core/src/runtime/clock.ts', 'setTimeout(() => {}, Date.now())'],
      ['packages/core/src/worker/worker.test.ts', 'setTimeout(() => {}, 1)'],
      ['packages/core/src/worker/worker.ts', 'queueMicrotask(() => clock.randomBytes(clock.now()))'],
      ['packages/core/src/worker/worker.ts', 'const at: Date = new Date(clock.now()); Date.parse("x")'],
      ['packages/adapters/sqlite/src/writer.ts', 'setImmediate(turn)'],
      ['packages/core/src/worker/worker.ts', '// Date.now()\nconst text = "setTimeout(1)"; x instanceof Date'],
      ['packages/core/src/worker/worker.ts', `import { createHash } from 'node:crypto'; socket.setTimeout(5)`],
    ],
  },
  {
    name: 'a source file has at most 300 lines',
    rule: files.shortFiles,
    refuses: [['packages/core/src/a.ts', 'a()\n'.repeat(301)]],
    allows: [
      ['packages/core/src/a.ts', 'a()\n'.repeat(300)],
      ['packages/core/src/a.test.ts', 'a()\n'.repeat(301)],
    ],
  },
  {
    name: 'files are named in kebab-case, after what they export',
    rule: files.fileNames,
    refuses: [
      ['packages/core/src/job/defineJob.ts', ''],
      ['packages/core/src/job/define_job.ts', ''],
      ['packages/core/src/job/utils.ts', ''],
      ['packages/core/src/job/types.ts', ''],
      ['packages/core/src/job/helpers.ts', ''],
    ],
    allows: [
      ['packages/core/src/job/define-job.ts', ''],
      ['packages/core/src/job/define-job.property.test.ts', ''],
      ['packages/core/src/runtime/uuid-v7.ts', ''],
      ['docs/examples/shop/switchyard.config.ts', ''],
    ],
  },
  {
    name: 'there are no default exports',
    rule: files.noDefaultExports,
    refuses: [['packages/core/src/a.ts', 'export default 1']],
    allows: [
      ['packages/core/src/a.ts', 'export const a = 1'],
      ['docs/examples/shop/switchyard.config.ts', 'export default {}'],
    ],
  },
  {
    name: 'no comment leaves something to do',
    rule: files.noTodo,
    refuses: [
      ['packages/core/src/a.ts', '// TODO later'],
      ['packages/core/src/a.ts', '/* FIXME */'],
    ],
    allows: [['packages/core/src/a.ts', 'const text = "TODO"']],
  },
  {
    name: 'no test is skipped without a reason, and none keeps the others from running',
    rule: files.noSilentSkips,
    refuses: [
      ['packages/core/src/a.test.ts', `test.only('a', () => {})`],
      ['packages/core/src/a.test.ts', `describe.only.each([1])('a', () => {})`],
      ['packages/core/src/a.test.ts', `\n\ntest.skip('a', () => {})`],
      ['packages/core/src/a.test.ts', `it.todo('a')`],
    ],
    allows: [
      ['packages/core/src/a.test.ts', `// RabbitMQ 3.10 has no such call.\ntest.skip('a', () => {})`],
      ['packages/core/src/a.test.ts', `describe.skipIf(skip !== undefined)('a', () => {})`],
    ],
  },
  {
    name: 'every exported name has a doc comment',
    rule: files.documentedExports,
    refuses: [
      ['packages/core/src/a.ts', 'export const a = 1'],
      ['packages/core/src/a.ts', '// not a doc comment\nexport interface A {}'],
      ['packages/core/src/a.ts', '/** Of A. */\nexport class A {}\n\nexport class B {}'],
      ['packages/adapters/sqlite/src/a.ts', '/** Of the file. */\nimport b from "b"\nexport type A = 1'],
    ],
    allows: [
      ['packages/core/src/a.ts', '/** Both. */\nexport const a = 1\nexport const b = 2'],
      ['packages/core/src/a.ts', '/** A. */\nexport async function a() {}\nfunction b() {}'],
      ['packages/core/src/a.ts', '/** A. */\n// biome-ignore lint/x: because\nexport type A = 1'],
      ['packages/core/src/index.ts', `export * from './a.ts'`],
    ],
  },
]

const paths = globSync(SOURCES, { cwd: root, exclude: NOT_OURS }).sort()
const sources = paths.map((path) => readSource(path, root))

test('the rules see the repository', () => {
  expect(paths).toEqual(expect.arrayContaining(['packages/core/src/runtime/clock.ts', 'scripts/rooms.test.ts']))
})

describe.each(RULES)('$name', ({ rule, refuses, allows }) => {
  test('in every file', () => {
    expect(sources.flatMap(rule)).toEqual([])
  })

  test('and the rule can tell', () => {
    const refused = refuses.filter(([path, text]) => rule(parseSource(path, text)).length === 0)
    const allowed = allows.filter(([path, text]) => rule(parseSource(path, text)).length > 0)
    expect({ 'not refused': refused, 'not allowed': allowed }).toEqual({ 'not refused': [], 'not allowed': [] })
  })
})
