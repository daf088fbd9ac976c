import {
  BrokerError,
  type BrowsedMessage,
  type BrowsePage,
  type BrowseResult,
  type QueueStats,
} from '@switchyard/core/adapter'
import { createIORedisClient } from 'bullmq'
import { type Context, runCall } from './context.ts'
import { ADAPTER } from './errors.ts'
import type { Backend } from './queues.ts'
import { countJobs } from './scripts.ts'

/** Jobs per script run of a purge. */
const PURGE_BATCH = 1_000

/** Exact counts of one moment. */
export function stats(context: Context, queue: string): Promise<QueueStats> {
  return runCall(context, { doing: 'count', queue, writes: false }, async () => {
    await context.queues.verify(queue)
    const backend = context.queues.backend(queue)
    const asOf = context.host.clock.now()
    const [{ waiting, due, delayed, leased }, oldest] = await Promise.all([
      countJobs(context.main.redis, backend),
      oldestMs(context, backend),
    ])
    const exact = (value: number) => ({ value, exact: true, asOf })
    return {
      ready: exact(waiting + due),
      leased: exact(leased),
      delayed: exact(delayed),
      oldestReadyMs: { value: oldest, exact: false, asOf },
    }
  })
}

/** Of the job at the head: since it was sent or due, whichever is later. What was retried may have become ready after that. */
async function oldestMs(context: Context, backend: Backend): Promise<number> {
  const [[head] = []] = (await backend.getRanges(['wait'], 0, 0, true)) as string[][]
  const job = head === undefined ? undefined : await backend.getJobData(head)
  if (job === undefined) return 0
  const since = Number(job.timestamp) + Number((job.opts as { delay?: number } | undefined)?.delay ?? 0)
  return Math.max(0, Math.round(context.main.serverNow() - since))
}

/** Removes everything of the queue, leased jobs too, and the memory of completed ids. The queue stays declared. */
export function purge(context: Context, queue: string): Promise<void> {
  return runCall(context, { doing: 'purge', queue, writes: true }, async () => {
    await context.queues.verify(queue)
    const backend = context.queues.backend(queue)
    const meta = backend.keys.meta ?? ''
    const client = createIORedisClient(context.main.redis)
    for (let more = true; more; ) {
      const answer = await backend.execCommand(client, 'obliterate', [meta, backend.toKey(''), PURGE_BATCH, 'force'])
      more = Number(answer) === 1
    }
  })
}

/** One page, in the order of delivery. The cursor is a position. */
export function browse(context: Context, queue: string, page: BrowsePage): Promise<BrowseResult> {
  return runCall(context, { doing: 'browse', queue, writes: false }, async () => {
    await context.queues.verify(queue)
    if (!Number.isInteger(page.limit) || page.limit < 1) throw invalid(queue, 'limit must be a positive integer')
    const from = page.cursor === null ? 0 : Number(page.cursor)
    if (!Number.isInteger(from) || from < 0) throw invalid(queue, 'the cursor is not one of ours')
    const backend = context.queues.backend(queue)
    const ids = await idsOf(context, backend, page.state, { from, limit: page.limit })
    const jobs = await Promise.all(ids.map((id) => backend.getJobData(id).then((job) => ({ id, job }))))
    return {
      messages: jobs.flatMap(({ id, job }) => (job === undefined ? [] : [browsedOf(id, job)])),
      cursor: ids.length < page.limit ? null : String(from + ids.length),
    }
  })
}

async function idsOf(
  context: Context,
  backend: Backend,
  state: BrowsePage['state'],
  { from, limit }: { readonly from: number; readonly limit: number },
): Promise<readonly string[]> {
  const range = async (
    type: 'wait' | 'active' | 'delayed',
    start: number,
    most: number,
  ): Promise<readonly string[]> => {
    if (most <= 0) return []
    const [ids = []] = (await backend.getRanges([type], start, start + most - 1, true)) as string[][]
    return ids
  }
  if (state === 'leased') return range('active', from, limit)
  const { waiting, due } = await countJobs(context.main.redis, backend)
  if (state === 'delayed') return range('delayed', due + from, limit)
  const first = await range('wait', from, limit)
  const rest = Math.max(0, from - waiting)
  const second = await range('delayed', rest, Math.min(limit - first.length, due - rest))
  return [...first, ...second]
}

interface StoredJob {
  readonly data: string
  readonly failedReason?: string | undefined
  readonly stalledCounter?: number | undefined
  readonly timestamp: number
  readonly delay: number
}

function browsedOf(id: string, job: unknown): BrowsedMessage {
  const { data, failedReason, stalledCounter, timestamp, delay } = job as StoredJob
  return {
    message: { id, body: data },
    note: failedReason ?? null,
    lapses: stalledCounter ?? 0,
    dueAt: Number.isFinite(timestamp + delay) ? timestamp + delay : null,
  }
}

function invalid(queue: string, message: string): BrokerError {
  return new BrokerError({ adapter: ADAPTER, code: 'invalid', queue, message })
}
