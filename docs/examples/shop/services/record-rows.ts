import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { EffectRecorder } from './effect-book.ts'

/** Effects in the shop's own database, as rows; `file` only where the row stands for a file. */
const ROWS = `
  select 'payment:' || event_id as key, job_id, null as file, null as magic from payments
  union all
  select 'thumbnail:' || upload_id || ':' || width, job_id, file, 'RIFF' from thumbnails
  union all
  select 'report:' || account || ':' || month, job_id, file, '%PDF' from reports`

/**
 * Reads what the run has left in the shop's database: every row is an effect, without a token, so two rows of one key are two.
 * A row whose file is missing or is no picture or document is no effect.
 */
export async function recordRows(options: {
  readonly database: string
  readonly files: string
  readonly recorder: EffectRecorder
}): Promise<void> {
  const { files, recorder } = options
  const database = new DatabaseSync(options.database, { readOnly: true })
  try {
    for (const { key, job_id: job, file, magic } of database.prepare(ROWS).all()) {
      if (file !== null && !(await beginsWith(join(files, String(file)), String(magic)))) continue
      await recorder.record({ sink: 'shop.db', key: String(key), token: null, job: String(job), pid: null })
    }
  } finally {
    database.close()
  }
}

async function beginsWith(file: string, magic: string): Promise<boolean> {
  try {
    return (await readFile(file)).subarray(0, magic.length).toString('latin1') === magic
  } catch {
    return false
  }
}
