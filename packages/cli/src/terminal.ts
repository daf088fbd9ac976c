import { stdin, stdout } from 'node:process'
import { createInterface } from 'node:readline/promises'
import Table from 'cli-table3'
import { UsageError } from './exit-code.ts'

/** Where a command writes and whom it may ask. */
export interface Terminal {
  /** Results go here: text for people, or one JSON document with `--json`. */
  out(text: string): void
  /** Progress and errors. */
  err(text: string): void
  readonly interactive: boolean
  readonly width: number
  ask(question: string): Promise<string>
}

/** This process's own terminal. */
export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
  interactive: stdin.isTTY === true && stdout.isTTY === true,
  width: stdout.columns ?? 100,
  async ask(question) {
    const prompt = createInterface({ input: stdin, output: process.stderr })
    try {
      return await prompt.question(question)
    } finally {
      prompt.close()
    }
  },
}

/** Aligned columns without borders: calm on a terminal, readable in a log. */
export function columns(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const none = [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
  ]
  const chars = Object.fromEntries([...none.map((part) => [part, '']), ['middle', '  ']])
  const numeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number' || row[column] === '-'),
  )
  const table = new Table({
    head: [...head],
    chars,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    colAligns: numeric.map((right) => (right ? 'right' : 'left')),
  })
  for (const row of rows) table.push(row.map((cell) => printable(String(cell))))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Text from outside, made harmless for a terminal: control characters (escape sequences among them) become visible. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the purpose
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** Destructive commands: `--yes`, or a person types the name. */
export async function confirmed(
  terminal: Terminal,
  options: { readonly yes: boolean; readonly what: string; readonly type: string },
): Promise<void> {
  if (options.yes) return
  if (!terminal.interactive)
    throw new UsageError(`${options.what}. Nobody can be asked here: add --yes, or look first with --dry-run`)
  const answer = await terminal.ask(`${options.what}.\nType ${options.type} to go on: `)
  if (answer.trim() !== options.type) throw new UsageError('not confirmed: nothing was changed')
}
