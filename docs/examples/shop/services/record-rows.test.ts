import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { performJob } from '@switchyard/core/testing'
import { expect, it } from 'vitest'
import { thumbnailHandler } from '../handlers/thumbnail-handler.ts'
import { startShop } from '../shop-fixture.ts'

it('does not take a row for an effect when its file is missing or is no picture', async () => {
  await using fixture = await startShop()
  await performJob(thumbnailHandler(fixture.shop), { uploadId: 'up-1', photo: 'coffee.jpg', width: 64 })
  expect(await fixture.rows()).toEqual(['thumbnail:up-1:64'])
  const file = join(fixture.shop.files, 'thumbnails', 'up-1-64.webp')
  await writeFile(file, 'half a pic')
  expect(await fixture.rows()).toEqual([])
  await rm(file)
  expect(await fixture.rows()).toEqual([])
})
