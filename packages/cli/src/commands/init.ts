import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts'
import type { Terminal } from '../terminal.ts'

const FILES: Readonly<Record<string, string>> = {
  'switchyard.config.ts': `import { defineConfig } from '@switchyard/core'
import { greet } from './jobs/greet.ts'

export default defineConfig({
  // Another broker is another URL: redis://, amqp://, sqs://, postgres:// - or SWITCHYARD_BROKER_URL.
  broker: 'sqlite:.switchyard/jobs.db',
  jobs: [greet],
  handlers: async () => [(await import('./jobs/greet-handler.ts')).greetHandler],
  work: { queues: { default: { concurrency: 10 } } },
})
`,
  'jobs/greet.ts': `import { defineJob } from '@switchyard/core'
import { z } from 'zod'

export const greet = defineJob({
  name: 'greet',
  queue: 'default',
  payload: z.object({ name: z.string().min(1) }),
  key: (payload) => payload.name,
})
`,
  'jobs/greet-handler.ts': `import { handle } from '@switchyard/core'
import { greet } from './greet.ts'

export const greetHandler = handle(greet, async (payload, context) => {
  console.log(\`Hello \${payload.name} (attempt \${context.attempt}, job \${context.job.id})\`)
})
`,
  'jobs/greet.test.ts': `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { performJob } from '@switchyard/core/testing'
import { greetHandler } from './greet-handler.ts'

test('greets by name', async () => {
  const { outcome } = await performJob(greetHandler, { name: 'Ada' })
  assert.equal(outcome, 'completed')
})

test('refuses an empty name', async () => {
  await assert.rejects(performJob(greetHandler, { name: '' }), /payload refused/)
})
`,
}

/** In a checkout the packages are installed from it; published ones by name. */
function packages(): readonly string[] {
  const root = fileURLToPath(new URL('../../../../', import.meta.url))
  if (!existsSync(join(root, 'pnpm-workspace.yaml')))
    return ['@switchyard/core', '@switchyard/sqlite', '@switchyard/cli', 'zod']
  return [
    ...['packages/core', 'packages/adapters/sqlite', 'packages/cli'].map((folder) =>
      JSON.stringify(join(root, folder)),
    ),
    'zod',
  ]
}

/** `switchyard init`: a config, one job with its handler, and a test, in an empty (or at least unconfigured) folder. */
export async function init(terminal: Terminal, options: { readonly json?: boolean }): Promise<ExitCode> {
  const folder = process.cwd()
  const taken = Object.keys(FILES).filter((file) => existsSync(join(folder, file)))
  if (taken.length > 0)
    throw new UsageError(`${taken.join(', ')} already exist${taken.length === 1 ? 's' : ''} here: nothing was written`)
  const written: string[] = []
  for (const [file, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text, { flag: 'wx' })
    written.push(file)
  }
  const manifest = join(folder, 'package.json')
  if (!existsSync(manifest)) {
    writeFileSync(
      manifest,
      `${JSON.stringify({ private: true, type: 'module', scripts: { test: 'node --test' } }, null, 2)}\n`,
    )
    written.push('package.json')
  } else if ((JSON.parse(readFileSync(manifest, 'utf8')) as { type?: unknown }).type !== 'module') {
    terminal.err('package.json has no "type": "module"; add it, since these files are ES modules')
  }
  const ignore = join(folder, '.gitignore')
  if (!existsSync(ignore)) {
    writeFileSync(ignore, 'node_modules/\n.switchyard/\n')
    written.push('.gitignore')
  }
  const next = [
    `npm install ${packages().join(' ')}`,
    'npm test',
    `npx --no-install switchyard enqueue greet '{"name":"Ada"}'`,
    'npx --no-install switchyard worker --drain',
  ]
  if (options.json) terminal.out(JSON.stringify({ version: 1, written, next }))
  else terminal.out(`wrote\n  ${written.join('\n  ')}\nnext\n  ${next.join('\n  ')}`)
  return EXIT.ok
}
