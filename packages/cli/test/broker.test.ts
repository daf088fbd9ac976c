import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { run } from './command.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'switchyard-broker-'))
})
afterEach(async () => {
  await run(['broker', 'down'], { cwd: dir })
  rmSync(dir, { recursive: true, force: true })
})

const reachable = (url: string) =>
  new Promise<boolean>((resolve) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname, () => resolve(socket.destroy() !== undefined))
    socket.on('error', () => resolve(false))
  })

it('a broker started by `up` outlives the command, is listed without its password, and is gone after `down`', {
  timeout: 60_000,
}, async () => {
  const up = await run(['broker', 'up', 'postgres', '--json'], { cwd: dir })
  expect(up.code).toBe(0)
  const { broker } = JSON.parse(up.out) as { broker: { url: string } }
  expect(await reachable(broker.url)).toBe(true)
  const again = await run(['broker', 'up', 'postgres'], { cwd: dir })
  expect(again.out.trim()).toBe(broker.url)
  const list = await run(['broker', 'list'], { cwd: dir })
  expect(list.out).toContain('postgres')
  expect(list.out).not.toContain(new URL(broker.url).password)
  expect((await run(['broker', 'down', 'postgres'], { cwd: dir })).out).toContain('stopped postgres')
  expect(await reachable(broker.url)).toBe(false)
  expect(existsSync(join(dir, '.switchyard/brokers')) ? readdirSync(join(dir, '.switchyard/brokers')) : []).toEqual([])
})
