import { memory } from '@switchyard/memory'
import { test } from 'vitest'
import { sqlite } from '../src/index.ts'
import { compareAdapters, Side } from './compare-adapters.ts'
import { Folder } from './open-adapter.ts'

const SEEDS = Number(process.env.SWITCHYARD_SEEDS ?? 12)

test(`answers as memory, the executable specification, does: ${SEEDS} seeds of 150 random steps`, async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    using folder = new Folder()
    await compareAdapters(seed, 150, [new Side(sqlite({ file: folder.file })), new Side(memory())])
  }
})
