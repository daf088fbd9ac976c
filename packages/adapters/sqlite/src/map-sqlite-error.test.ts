import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { isBusy, mapSqliteError } from './map-sqlite-error.ts'

const context = { file: '/data/jobs.db', doing: 'send', queue: 'q' }
const native = (errcode: number) => Object.assign(new Error('native text'), { code: 'ERR_SQLITE_ERROR', errcode })

test.each([
  [5, 'conflict', true],
  [6, 'conflict', true],
  [8, 'read-only', false],
  [10, 'unavailable', true],
  [11, 'corrupt', false],
  [13, 'full', true],
  [14, 'unavailable', true],
  [18, 'too-large', false],
  [26, 'corrupt', false],
  [1, 'unknown', false],
] as const)('result code %i is %s', (errcode, code, retryable) => {
  // An extended code, as SQLITE_IOERR_FSYNC, carries the primary one in its low byte.
  for (const each of [errcode, errcode | (4 << 8)]) {
    const error = mapSqliteError(native(each), context)
    expect(error).toMatchObject({ code, retryable, queue: 'q', adapter: 'sqlite', maybeApplied: false })
    expect(error.message).toMatch(/send failed on \/data\/jobs\.db \(native text\): ./)
    expect(error.cause).toMatchObject({ errcode: each })
  }
})

test('only an I/O error while committing leaves open whether it was applied', () => {
  const at = (errcode: number) => mapSqliteError(native(errcode), { ...context, committing: true }).maybeApplied
  expect([10, 13, 11].map(at)).toEqual([true, false, false])
})

test('a BrokerError passes as it is, and anything else is unknown with its cause', () => {
  const known = mapSqliteError(native(13), context)
  expect(mapSqliteError(known, context)).toBe(known)
  expect(mapSqliteError('thrown text', context)).toMatchObject({ code: 'unknown', cause: 'thrown text' })
})

test('what node:sqlite really throws is read', () => {
  const db = new DatabaseSync(':memory:')
  db.exec('CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES (1)')
  try {
    db.exec('INSERT INTO t VALUES (1)')
    expect.unreachable()
  } catch (error) {
    expect(isBusy(error)).toBe(false)
    expect(mapSqliteError(error, context)).toMatchObject({ code: 'unknown', cause: error })
  }
  db.close()
})
