import type { BrowsedMessage, BrowsePage, BrowseResult } from '@switchyard/core/adapter'
import { invalid } from './capabilities.ts'
import type { Entry } from './entry.ts'
import type { MemoryQueue } from './memory-queue.ts'
import type { Rules } from './rules.ts'

/** One page; nothing is taken or changed. Cursors: `r<position>` in the ready line, `s<seq>` in everything else. */
export function browseQueue(queue: MemoryQueue, page: BrowsePage, rules: Rules): BrowseResult {
  const { state, cursor, limit } = page
  if (!(limit >= 1)) throw invalid(`browse limit must be 1 or more, not ${limit}`, queue.spec.name)
  if (cursor !== null && !/^[rs]-?\d+$/.test(cursor))
    throw invalid(`browse cursor ${JSON.stringify(cursor)} did not come from browse`, queue.spec.name)
  const shown = (entry: Entry): BrowsedMessage => ({
    message: entry.message,
    note: entry.note,
    lapses: rules.lapses === 'none' ? null : entry.lapses,
    dueAt: entry.dueAt,
  })
  const found: BrowsedMessage[] = []
  if (state === 'ready' && !cursor?.startsWith('s')) {
    const { ready } = queue
    let offset = cursor === null ? 0 : Math.max(0, Number(cursor.slice(1)) - ready.start)
    for (; offset < ready.length; offset += 1) {
      if (found.length === limit) return { messages: found, cursor: `r${ready.start + offset}` }
      const entry = ready.at(offset)
      if (entry !== undefined && !entry.gone) found.push(shown(entry))
    }
  }
  const from = cursor?.startsWith('s') ? Number(cursor.slice(1)) : Number.NEGATIVE_INFINITY
  const rest = [...others(queue, state)].filter(({ seq }) => seq >= from).sort((a, b) => a.seq - b.seq)
  for (const entry of rest) {
    if (found.length === limit) return { messages: found, cursor: `s${entry.seq}` }
    found.push(shown(entry))
  }
  return { messages: found, cursor: null }
}

function* others(queue: MemoryQueue, state: BrowsePage['state']): Generator<Entry> {
  if (state === 'ready') yield* queue.keys.waiting()
  else if (state === 'delayed') yield* queue.delayed.values()
  else for (const holder of queue.holders) for (const { entry } of holder.leases.all()) yield entry
}
