import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

/** One row as node:sqlite returns it. */
export type Row = Record<string, null | number | bigint | string | Uint8Array>

/** What a queue row says, read inside the transaction that uses it. */
export interface QueueRow {
  readonly id: number
  readonly dedupeMs: number
}

/**
 * A database handle with its prepared statements, ours or the user's. Values are always bound: no name, id or body ever
 * becomes SQL text. `rings` collects the queues whose consumers should look again once the transaction has committed.
 */
export class Session {
  readonly db: DatabaseSync
  readonly rings: Set<number> = new Set()
  readonly #statements = new Map<string, StatementSync>()

  constructor(db: DatabaseSync) {
    this.db = db
  }

  /** Runs a statement and says how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes)
  }

  /** The first row, or undefined. */
  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepared(sql).get(...values)
  }

  /** All rows. */
  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values)
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.db.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}
