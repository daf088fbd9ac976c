import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

/** What must not happen twice has a unique key; the keys are those of the jobs' payloads. */
const SCHEMA = `
  create table if not exists accounts (account text primary key, balance_cents integer not null) strict;
  create table if not exists payments (
    entry text primary key, event_id text not null, account text not null, cents integer not null, month text not null,
    job_id text not null) strict;
  create table if not exists sent_mails (key text primary key, message_id text not null, job_id text not null) strict;
  create table if not exists delivered_webhooks (event_id text primary key, status integer not null, job_id text not null) strict;
  create table if not exists synced_batches (batch_id text primary key, events integer not null, job_id text not null) strict;
  create table if not exists thumbnails (
    upload_id text not null, width integer not null, file text not null, bytes integer not null, job_id text not null,
    primary key (upload_id, width)) strict;
  create table if not exists reports (
    account text not null, month text not null, file text not null, payments integer not null, job_id text not null,
    primary key (account, month)) strict;
`

/** Opening waits this long for other processes that are just opening it, too. */
const OPEN_WAIT_MS = 5_000
const BUSY_PAUSE_MS = 10
/** Below the grace that a worker gives to aborted jobs. */
const NOTE_MS = 3_000

/** Opens the shop's own database and creates its tables; several processes may do so at once. */
export function openShopDatabase(file: string): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true })
  const database = new DatabaseSync(file, { timeout: OPEN_WAIT_MS })
  database.exec('pragma journal_mode = wal; pragma synchronous = full')
  database.exec(SCHEMA)
  // From here on nothing waits inside SQLite: that would stop the event loop, and with it the renewal of every lease.
  database.exec('pragma busy_timeout = 0')
  return database
}

/**
 * Runs `work` in one transaction: it is synchronous, so no other job of this process can come in between. Waits for other
 * writers until `signal` aborts.
 */
export async function inTransaction<Result>(
  database: DatabaseSync,
  signal: AbortSignal,
  work: () => Result,
): Promise<Result> {
  for (;;) {
    signal.throwIfAborted()
    try {
      database.exec('begin immediate')
      break
    } catch (error) {
      if (!isBusy(error)) throw error
    }
    await sleep(BUSY_PAUSE_MS * (1 + Math.random()))
  }
  try {
    const result = work()
    database.exec('commit')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('rollback')
    throw error
  }
}

/**
 * Notes an effect that has happened outside. Not on the job's signal: a job that was aborted meanwhile has had its effect all the
 * same, and what is not noted now is repeated later.
 */
export function noteDone(database: DatabaseSync, note: () => unknown): Promise<unknown> {
  return inTransaction(database, AbortSignal.timeout(NOTE_MS), note)
}

/** SQLITE_BUSY and its extended codes (sqlite.org/rescode.html). */
function isBusy(error: unknown): boolean {
  const code = (error as { readonly errcode?: unknown }).errcode
  return typeof code === 'number' && (code & 0xff) === 5
}
