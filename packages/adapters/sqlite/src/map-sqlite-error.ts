import type { BrokerErrorCode } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'

/** Primary result codes (sqlite.org/rescode.html): our word, and the way out. Extended codes share the low byte. */
const BY_RESULT_CODE: Readonly<Record<number, readonly [BrokerErrorCode, string]>> = {
  3: ['forbidden', 'the process may not open it: check the rights of the file and its folder'],
  5: ['conflict', 'another connection holds the write lock: begin with BEGIN IMMEDIATE, or try again'],
  6: ['conflict', 'another statement of the same connection holds a lock: finish it, or try again'],
  8: ['read-only', 'it cannot be written: check the rights of the file, its folder and the file system'],
  10: ['unavailable', 'the file system failed a read or a write: check the disk'],
  11: ['corrupt', 'the file is damaged: stop all workers, keep a copy, and use `sqlite3 FILE .recover` or a backup'],
  13: ['full', 'no space left: free disk space (or raise PRAGMA max_page_count); nothing of this call was stored'],
  14: ['unavailable', 'it cannot be opened: check that the path is right and the folder writable'],
  15: ['unavailable', 'its lock files misbehave: a network file system cannot hold a WAL database'],
  18: ['too-large', 'a value is longer than SQLite stores (1 000 000 000 bytes)'],
  23: ['forbidden', 'the connection is not allowed to do this'],
  26: ['corrupt', 'the file is not a SQLite database: give another path, or move that file away'],
}

/** node:fs codes met while opening. */
const BY_ERRNO: Readonly<Record<string, readonly [BrokerErrorCode, string]>> = {
  EACCES: ['forbidden', 'the process may not open it: check the rights of the file and its folder'],
  EPERM: ['forbidden', 'the process may not open it: check the rights of the file and its folder'],
  EROFS: ['read-only', 'the file system is mounted read-only: give a path elsewhere'],
  ENOSPC: ['full', 'no space left: free disk space'],
  EDQUOT: ['full', 'the disk quota is used up: free disk space'],
  ENAMETOOLONG: ['invalid', 'the path is too long'],
  ENOTDIR: ['invalid', 'a part of the path is a file, not a folder'],
}

/** What was being done, for the text. */
export interface ErrorContext {
  readonly file: string
  /** For example `send`; reads "send failed on FILE". */
  readonly doing: string
  readonly queue?: string
  /** The failure came from COMMIT, whose frames may already be on disk. */
  readonly committing?: boolean
}

/** The primary SQLite result code of a node:sqlite error, or null when it is none. */
export function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null
  return error.errcode & 0xff
}

/** Another connection has the lock that we need: the one native error that is waited for instead of thrown. */
export function isBusy(error: unknown): boolean {
  return resultCode(error) === 5
}

/** Every native error becomes a BrokerError here and nowhere else. */
export function mapSqliteError(error: unknown, context: ErrorContext): BrokerError {
  if (error instanceof BrokerError) return error
  const result = resultCode(error)
  const errno = error instanceof Error && 'code' in error ? String(error.code) : ''
  const [code, wayOut] = (result === null ? BY_ERRNO[errno] : BY_RESULT_CODE[result]) ?? ['unknown', 'see the cause']
  const reason = error instanceof Error ? error.message : String(error)
  return new BrokerError({
    code,
    adapter: 'sqlite',
    message: `${context.doing} failed on ${context.file} (${reason}): ${wayOut}`,
    // An I/O error while committing leaves open whether the commit frame reached the disk; a full disk does not.
    maybeApplied: context.committing === true && code === 'unavailable',
    ...(context.queue === undefined ? {} : { queue: context.queue }),
    cause: error,
  })
}
