import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts'
import type { Terminal } from '../terminal.ts'
import { adapterScaffold } from './conformance-scaffold.ts'

/** `switchyard conformance init NAME [--dir FOLDER]`: an adapter package whose suite runs. Overwrites nothing. */
export async function conformanceInit(
  terminal: Terminal,
  name: string,
  options: { readonly dir?: string; readonly json?: boolean },
): Promise<ExitCode> {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name))
    throw new UsageError(`an adapter is named in lower case letters, digits and dashes, such as acme-mq; not ${name}`)
  const folder = resolve(options.dir ?? '.')
  const files = adapterScaffold(name)
  const taken = Object.keys(files).filter((file) => existsSync(join(folder, file)))
  if (taken.length > 0)
    throw new UsageError(
      `${folder} already has ${taken.join(', ')}; nothing was written: choose an empty folder with --dir`,
    )
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  if (options.json) terminal.out(JSON.stringify({ version: 1, folder, files: Object.keys(files) }))
  else {
    for (const file of Object.keys(files)) terminal.out(`wrote ${file}`)
    terminal.out(
      '\nNext: npm install, then: npx --no-install switchyard conformance run test/subject.ts (it fails until the adapter is written)',
    )
  }
  return EXIT.ok
}
