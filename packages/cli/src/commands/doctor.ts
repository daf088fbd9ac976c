import { maskedUrl, type Yard } from '@switchyard/core'
import { forPeople } from '../duration.ts'
import { EXIT, type ExitCode, exitCodeFor } from '../exit-code.ts'
import { type GlobalOptions, openYard } from '../open-yard.ts'
import { columns, type Terminal } from '../terminal.ts'

interface Check {
  readonly check: string
  readonly result: 'ok' | 'look' | 'failed'
  readonly detail: string
}

/** `switchyard doctor`: Node, config, broker, what the broker keeps, dead letters: what is wrong and the way out. */
export async function doctor(terminal: Terminal, options: GlobalOptions): Promise<ExitCode> {
  const checks: Check[] = [{ check: 'node', result: 'ok', detail: process.version }]
  let code: ExitCode = EXIT.ok
  try {
    const { yard, loaded } = await openYard(options)
    await using _open = yard
    const url = typeof loaded.broker === 'string' ? maskedUrl(loaded.broker) : '(factory)'
    checks.push({
      check: 'config',
      result: 'ok',
      detail: `${loaded.file}: ${yard.jobs.length} jobs, ${yard.queues.length} queues`,
    })
    checks.push({
      check: 'broker',
      result: 'ok',
      detail: `${yard.broker} at ${url} (from ${loaded.brokerFrom}) answers`,
    })
    const { survives, retentionMs } = yard.capabilities
    checks.push({
      check: 'durability',
      result: survives.value === 'nothing' ? 'look' : 'ok',
      detail: `${survives.value}: ${survives.why}`,
    })
    checks.push(duplicates(yard))
    const kept = Number.isFinite(retentionMs.value) ? forPeople(retentionMs.value) : 'for ever'
    checks.push({
      check: 'retention',
      result: Number.isFinite(retentionMs.value) ? 'look' : 'ok',
      detail: `waiting jobs and dead letters are kept ${kept}`,
    })
    for (const { name } of yard.queues) {
      const { dead } = await yard.stats(name)
      const count = dead.ready?.value ?? 0
      checks.push({
        check: `queue ${name}`,
        result: count > 0 ? 'look' : 'ok',
        detail: count > 0 ? `${count} dead letters: switchyard dlq list --queue ${name}` : 'no dead letters',
      })
    }
  } catch (error) {
    code = exitCodeFor(error)
    checks.push({ check: 'problem', result: 'failed', detail: error instanceof Error ? error.message : String(error) })
  }
  if (options.json) terminal.out(JSON.stringify({ version: 1, ok: code === EXIT.ok, checks }))
  else
    terminal.out(
      columns(
        ['check', 'result', 'detail'],
        checks.map(({ check, result, detail }) => [check, result, detail]),
      ),
    )
  return code
}

/** A key makes the same id, but only the broker can refuse a second message of it. */
function duplicates(yard: Yard): Check {
  const { dedupe, lapses } = yard.capabilities
  const keyed = yard.jobs.filter((job) => job.key !== null).map((job) => job.name)
  if (dedupe.value !== 'none' || keyed.length === 0) {
    return { check: 'duplicates', result: 'ok', detail: `dedupe ${dedupe.value}, lapses ${lapses.value}` }
  }
  const detail = `${yard.broker} stores a second job of the same key: ${keyed.join(', ')} can run twice, so handlers must be idempotent by key`
  return { check: 'duplicates', result: 'look', detail }
}
