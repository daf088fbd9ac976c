import type { DatabaseSync } from 'node:sqlite'
import { BrokerError } from '@switchyard/core/adapter'

/** The schema that this code writes. A file with a greater one is refused; a smaller one is migrated, additively. */
export const SCHEMA_VERSION = 1

/** `SWYD`, for file(1) and for people who find the file; set on files that have none, never required. */
export const APPLICATION_ID = 0x53575944

/**
 * Message states. Each fits one stored byte and none is 0 or 1 (which take none), so that a claim changes a row without changing
 * its size: SQLite then overwrites in place and leaves the overflow pages of a long body alone (btree.c, btreeOverwriteCell).
 */
export const READY = 2
export const DELAYED = 3
export const LEASED = 4
/** Waits behind another message of its order key. */
export const BLOCKED = 5

/** The first fence of a message; same size as its successors, see above. */
export const FIRST_LEASE = 2

/**
 * Tables carry a prefix because the file may be the user's own database (that is what `tx` is for); for the same reason the
 * version is a row of ours and not `user_version`, which belongs to the user's migrations.
 *
 * One partial index per state: measured, a shared one is not chosen, and INDEXED BY then makes a bad plan an error. `head`
 * marks the one message of an order key that is ready, leased or waiting for its retry; the unique index makes two impossible.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE switchyard_queue (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    lease_ms INTEGER NOT NULL,
    ordered INTEGER NOT NULL,
    dedupe_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE switchyard_message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    queue INTEGER NOT NULL,
    state INTEGER NOT NULL,
    due INTEGER NOT NULL,
    since INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    lapses INTEGER NOT NULL,
    head INTEGER NOT NULL,
    unique_active INTEGER NOT NULL,
    order_key TEXT,
    unique_key TEXT,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    note TEXT,
    body TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX switchyard_identity ON switchyard_message (queue, id);
  CREATE INDEX switchyard_ready ON switchyard_message (queue, since, seq) WHERE state = ${READY};
  CREATE INDEX switchyard_delayed ON switchyard_message (queue, due) WHERE state = ${DELAYED};
  CREATE INDEX switchyard_leased ON switchyard_message (queue, due) WHERE state = ${LEASED};
  CREATE INDEX switchyard_blocked ON switchyard_message (queue, order_key, seq) WHERE state = ${BLOCKED};
  CREATE UNIQUE INDEX switchyard_head ON switchyard_message (queue, order_key) WHERE head = 1;
  CREATE INDEX switchyard_unique ON switchyard_message (queue, unique_key) WHERE unique_key IS NOT NULL;
  CREATE TABLE switchyard_done (
    queue INTEGER NOT NULL,
    id TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (queue, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX switchyard_done_expires ON switchyard_done (expires);
  CREATE TABLE switchyard_window (
    queue INTEGER NOT NULL,
    key TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (queue, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX switchyard_window_expires ON switchyard_window (expires);
  CREATE TABLE switchyard_exclusive (
    queue INTEGER PRIMARY KEY,
    token TEXT NOT NULL,
    expires INTEGER NOT NULL
  ) STRICT;
  `,
]

/** The schema version of a file; 0 when it has none of our tables. */
export function schemaVersion(db: DatabaseSync): number {
  const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'switchyard_meta'").get()
  if (table === undefined) return 0
  return Number(db.prepare("SELECT value FROM switchyard_meta WHERE key = 'schema'").get()?.value ?? 0)
}

/** Throws BrokerError `version` when a newer Switchyard has written the file. */
export function refuseNewer(version: number, file: string): void {
  if (version <= SCHEMA_VERSION) return
  throw new BrokerError({
    code: 'version',
    adapter: 'sqlite',
    message:
      `${file} has schema ${version}, this @switchyard/sqlite knows ${SCHEMA_VERSION}: upgrade @switchyard/sqlite in ` +
      'this process, or give it another file',
  })
}

/** Brings the file to SCHEMA_VERSION. Call it inside BEGIN IMMEDIATE: another process may have been faster. */
export function migrate(db: DatabaseSync, file: string): void {
  const found = schemaVersion(db)
  refuseNewer(found, file)
  if (found === SCHEMA_VERSION) return
  if (found === 0) {
    db.exec('CREATE TABLE switchyard_meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID')
    if (db.prepare('PRAGMA application_id').get()?.application_id === 0) {
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
    }
  }
  for (const step of MIGRATIONS.slice(found)) db.exec(step)
  db.prepare("INSERT OR REPLACE INTO switchyard_meta (key, value) VALUES ('schema', ?)").run(SCHEMA_VERSION)
}
