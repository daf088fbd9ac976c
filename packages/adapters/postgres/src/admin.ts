import type { BrowsedMessage, BrowsePage, BrowseResult, QueueStats } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { type Context, runCall } from './context.ts'
import { fromData } from './wire.ts'

/** Which rows a state means; pg-boss orders its states created < retry < active. */
const STATES: Readonly<Record<BrowsePage['state'], string>> = {
  ready: "state < 'active' AND start_after <= now()",
  delayed: "state < 'active' AND start_after > now()",
  leased: "state = 'active'",
}

/** Counts in one snapshot, by our own read-only SQL: pg-boss's figures are as old as its last pass. */
export function stats(context: Context, queue: string): Promise<QueueStats> {
  return runCall(context, { doing: 'count', queue, writes: false }, async () => {
    await context.queues.verify(queue)
    const asOf = context.host.clock.now()
    const { rows } = await context.database.executeSql(
      `SELECT count(*) FILTER (WHERE ${STATES.ready}) AS ready,
              count(*) FILTER (WHERE ${STATES.delayed}) AS delayed,
              count(*) FILTER (WHERE ${STATES.leased}) AS leased,
              coalesce(extract(epoch FROM now() - min(start_after) FILTER (WHERE ${STATES.ready})), 0) * 1000 AS oldest
         FROM ${context.settings.schema}.job WHERE name = $1 AND state <= 'active'`,
      [queue],
    )
    const row = rows[0] as Record<string, unknown>
    const figure = (name: string) => ({ value: Math.round(Number(row[name])), exact: true, asOf })
    return {
      ready: figure('ready'),
      leased: figure('leased'),
      delayed: figure('delayed'),
      oldestReadyMs: figure('oldest'),
    }
  })
}

/** Removes every message of the queue, leased ones too, and the memory of completed ids. */
export function purge(context: Context, queue: string): Promise<void> {
  return runCall(context, { doing: 'purge', queue, writes: true }, async () => {
    await context.queues.verify(queue) // also keeps an empty name away from pg-boss, which would truncate the table
    await context.boss.deleteAllJobs(queue)
  })
}

/** One page, oldest first. */
export function browse(context: Context, queue: string, page: BrowsePage): Promise<BrowseResult> {
  return runCall(context, { doing: 'browse', queue, writes: false }, async () => {
    await context.queues.verify(queue)
    const [created = '-infinity', start = '-infinity', id = '00000000-0000-0000-0000-000000000000'] = cursorOf(
      page,
      queue,
    )
    const { rows } = await context.database.executeSql(
      `SELECT id, data, retry_count, started_on IS NOT NULL AS started, state = 'active' AS leased,
              extract(epoch FROM start_after) * 1000 AS due, created_on::text AS created, start_after::text AS start
         FROM ${context.settings.schema}.job
        WHERE name = $1 AND state <= 'active' AND ${STATES[page.state]}
          AND (created_on, start_after, id) > ($2::timestamptz, $3::timestamptz, $4::uuid)
        ORDER BY created_on, start_after, id LIMIT $5`,
      [queue, created, start, id, page.limit],
    )
    const last = rows.at(-1) as Row | undefined
    const more = rows.length === page.limit && last !== undefined
    return {
      messages: (rows as Row[]).map(browsedOf),
      cursor: more ? JSON.stringify([last.created, last.start, last.id]) : null,
    }
  })
}

interface Row {
  readonly id: string
  readonly data: unknown
  readonly retry_count: number
  readonly started: boolean
  readonly leased: boolean
  readonly due: string
  readonly created: string
  readonly start: string
}

function browsedOf(row: Row): BrowsedMessage {
  const stored = fromData(row.data)
  // `retryCount` grows at the next lease: of a waiting job that has been leased before, the coming one counts already
  const leases = row.retry_count + (row.started && !row.leased ? 1 : 0)
  return {
    message: { id: row.id, body: stored.body },
    note: stored.note,
    lapses: Math.max(0, leases - stored.tries - stored.released),
    dueAt: Math.round(Number(row.due)),
  }
}

function cursorOf(page: BrowsePage, queue: string): readonly string[] {
  if (!Number.isInteger(page.limit) || page.limit < 1)
    throw new BrokerError({ code: 'invalid', adapter: 'postgres', queue, message: 'limit must be a positive integer' })
  if (page.cursor === null) return []
  try {
    const parts: unknown = JSON.parse(page.cursor)
    if (Array.isArray(parts) && parts.length === 3 && parts.every((part) => typeof part === 'string')) return parts
  } catch {
    // falls through to the refusal
  }
  throw new BrokerError({ code: 'invalid', adapter: 'postgres', queue, message: 'the cursor is not one of ours' })
}
