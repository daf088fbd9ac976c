import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Handler, handle, Reject } from '@switchyard/core'
import { makeThumbnail } from '../jobs/make-thumbnail.ts'
import { reportEffect } from '../shop/report-effect.ts'
import type { Shop } from '../shop/shop.ts'
import { inTransaction } from '../shop/shop-database.ts'
import { writeWhole } from '../shop/write-whole.ts'

/** Makes a thumbnail. Its file name is its key, so a second run replaces the file by the same bytes. */
export function thumbnailHandler(shop: Shop): Handler {
  const { database } = shop
  const enter = database.prepare(
    'insert into thumbnails values (?, ?, ?, ?, ?) on conflict (upload_id, width) do update set bytes = excluded.bytes',
  )
  return handle(makeThumbnail, async ({ uploadId, photo, width }, context) => {
    const picture = await shrink(join(shop.photos, photo), width)
    context.signal.throwIfAborted()
    const file = join('thumbnails', `${uploadId}-${width}.webp`)
    await writeWhole(join(shop.files, file), picture)
    await inTransaction(database, context.signal, () =>
      enter.run(uploadId, width, file, picture.length, context.job.id),
    )
    const key = `thumbnail:${uploadId}:${width}`
    await reportEffect(shop, { sink: 'gallery', key, token: key }, context)
  })
}

async function shrink(photo: string, width: number): Promise<Buffer> {
  const original = await readFile(photo).catch((cause: unknown) => {
    throw (cause as { readonly code?: unknown }).code === 'ENOENT'
      ? new Reject(`there is no ${photo}`, { cause })
      : cause
  })
  const { default: sharp } = await import('sharp')
  // Parallelism is the worker's business: one core per picture.
  sharp.concurrency(1)
  try {
    const fit = { width, withoutEnlargement: true }
    return await sharp(original, { autoOrient: true }).resize(fit).webp({ quality: 80 }).toBuffer()
  } catch (cause) {
    throw new Reject(`${photo} is no picture that sharp can read`, { cause })
  }
}
