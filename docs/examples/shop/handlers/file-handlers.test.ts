import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { performJob } from '@switchyard/core/testing'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import type { Shop } from '../shop/shop.ts'
import { startShop } from '../shop-fixture.ts'
import { paymentHandler } from './payment-handler.ts'
import { reportHandler } from './report-handler.ts'
import { thumbnailHandler } from './thumbnail-handler.ts'

it.each(['chelsea.jpg', 'coffee.jpg', 'rocket.jpg'])('makes one thumbnail of %s, the same each time', async (photo) => {
  await using fixture = await startShop()
  const handler = thumbnailHandler(fixture.shop)
  const upload = { uploadId: 'up-1', photo, width: 120 }
  await Promise.all([performJob(handler, upload), performJob(handler, upload)])
  const folder = join(fixture.shop.files, 'thumbnails')
  expect(await readdir(folder)).toEqual(['up-1-120.webp'])
  const picture = await readFile(join(folder, 'up-1-120.webp'))
  expect(await sharp(picture).metadata()).toMatchObject({ format: 'webp', width: 120 })
  await performJob(handler, upload)
  expect(await readFile(join(folder, 'up-1-120.webp'))).toEqual(picture)
  expect(await fixture.rows()).toEqual(['thumbnail:up-1:120'])
  expect(fixture.book.keys('gallery')).toEqual(['thumbnail:up-1:120'])
})

it.each([
  ['gone.jpg', 'there is no'],
  ['broken.jpg', 'no picture that sharp can read'],
])('gives up at once on %s', async (photo, message) => {
  await using fixture = await startShop()
  const shop: Shop = { ...fixture.shop, photos: fixture.shop.files }
  await mkdir(shop.photos, { recursive: true })
  await writeFile(join(shop.photos, 'broken.jpg'), 'not a picture')
  const { decision, error } = await performJob(thumbnailHandler(shop), { uploadId: 'up-1', photo, width: 120 })
  expect(decision).toMatchObject({ kind: 'dead', reason: 'rejected' })
  expect(String(error)).toContain(message)
  expect(await fixture.rows()).toEqual([])
})

it('writes the report of a month as a PDF, once, and what it said stands', async () => {
  await using fixture = await startShop()
  const pay = paymentHandler(fixture.shop)
  const payment = { account: 'acct-1', cents: 4_200, month: '2026-11' }
  await performJob(pay, { ...payment, eventId: 'evt-1' })
  await performJob(pay, { ...payment, eventId: 'evt-2' })
  await performJob(pay, { ...payment, eventId: 'evt-3', month: '2026-12' })
  const report = { account: 'acct-1', month: '2026-11' }
  await performJob(reportHandler(fixture.shop), report)
  const file = join(fixture.shop.files, 'reports', 'acct-1-2026-11.pdf')
  const pdf = await readFile(file)
  expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
  expect(pdf.subarray(-6).toString()).toContain('%%EOF')
  await performJob(pay, { ...payment, eventId: 'evt-4' })
  await performJob(reportHandler(fixture.shop), report)
  expect(await readFile(file)).toEqual(pdf)
  expect(fixture.shop.database.prepare('select payments from reports').all()).toEqual([{ payments: 2 }])
  expect(fixture.book.keys('archive')).toEqual(['report:acct-1:2026-11'])
})
