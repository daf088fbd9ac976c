import type { RunProgress } from '@switchyard/chaos'
import type { Terminal } from './terminal.ts'

/** Plain lines (no terminal) come at most this often. */
const LINE_MS = 5_000

/** Live progress of a chaos run: one line that rewrites itself on a terminal, plain lines elsewhere, nothing with `--json`. */
export function progressLine(
  terminal: Terminal,
  silent: boolean,
): { readonly update: (progress: RunProgress) => void; readonly end: () => void } {
  const live = process.stderr.isTTY === true
  let shown = 0
  let lastMs = -LINE_MS
  if (silent) return { update: () => {}, end: () => {} }
  return {
    update(progress) {
      const text = lineOf(progress, live ? (process.stderr.columns ?? 100) - 1 : Number.POSITIVE_INFINITY)
      if (live) {
        process.stderr.write(`\r${text.padEnd(shown)}`)
        shown = text.length
      } else if (progress.elapsedMs - lastMs >= LINE_MS) {
        lastMs = progress.elapsedMs
        terminal.err(text)
      }
    },
    end() {
      if (live && shown > 0) process.stderr.write(`\r${' '.repeat(shown)}\r`)
    },
  }
}

function lineOf(progress: RunProgress, width: number): string {
  const done = progress.completed + progress.dead
  const filled = Math.round((10 * done) / Math.max(1, progress.jobs))
  const text = [
    `${String(Math.round(progress.elapsedMs / 1_000)).padStart(3)}s`,
    progress.phase.padEnd(6),
    `${'█'.repeat(filled)}${'░'.repeat(10 - filled)}`,
    `${done}/${progress.jobs} jobs`,
    `${progress.workersAlive} workers`,
    `${progress.kills} kills`,
    `${progress.freezes} freezes`,
    `${progress.overlaps} double starts`,
    ...(progress.brokerKills > 0 ? [`${progress.brokerKills} broker kills`] : []),
    progress.last ?? '',
  ].join('  ')
  return text.length > width ? text.slice(0, width) : text
}
