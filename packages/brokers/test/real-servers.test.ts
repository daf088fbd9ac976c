import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { BROKER_KINDS, brokerOrSkip } from '../src/index.ts'
import { client } from './broker-client.ts'

/** The listening TCP sockets of the processes that work in this folder, as `address:port` (proc(5): state 0A, hex, inode tenth). */
function listening(dir: string): readonly string[] {
  const inodes = new Set(processesIn(dir).flatMap(socketsOf))
  const found: string[] = []
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(file, 'utf8').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/)
      if (fields[3] !== '0A' || !inodes.has(fields[9] ?? '')) continue
      const [address = '', port = ''] = fields[1]?.split(':') ?? []
      found.push(`${address}:${Number.parseInt(port, 16)}`)
    }
  }
  return found
}

function socketsOf(pid: string): readonly string[] {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch {
      return '' // closed while we looked
    }
  })
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? [])
}

/** Every server works in its data folder, epmd too. */
function processesIn(dir: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(dir)
    } catch {
      return false // ended while we looked
    }
  })
}

const LOOPBACK = ['0100007F', '00000000000000000000000001000000', '0000000000000000FFFF00000100007F']

for (const kind of BROKER_KINDS) {
  const { broker, skip } = await brokerOrSkip(kind)

  describe.skipIf(broker === undefined)(`${kind}${skip === undefined ? '' : ` (${skip})`}`, () => {
    const running = broker as NonNullable<typeof broker>
    const ask = client(kind, () => running.url)
    afterAll(() => running.stop())

    it('says its version and where it came from', () => {
      expect(running.version).toMatch(/^\d+\.\d+/)
      expect(['env', 'binary', 'npm', 'docker', 'apt']).toContain(running.rung)
    })

    it.runIf(process.platform === 'linux' && running?.dataDir !== undefined)('listens on loopback only', () => {
      const sockets = listening(running.dataDir ?? '')
      expect(sockets.filter((socket) => socket.endsWith(`:${portOf(running.url)}`))).not.toEqual([])
      expect(sockets.filter((socket) => !LOOPBACK.includes(socket.split(':')[0] ?? ''))).toEqual([])
    })

    it.runIf(running?.controllable)(
      'keeps what it confirmed across kill and restart, on the same address',
      async () => {
        const { url } = running
        await ask.put('kept')
        await running.flush()
        await running.kill()
        await expect(ask.put('down')).rejects.toThrow()
        await running.restart()
        expect(running.url).toBe(url)
        expect(await ask.take()).toBe('kept')
      },
    )

    it.runIf(running?.controllable)('keeps it across a graceful restart too', async () => {
      await ask.put('kept again')
      await running.restart()
      expect(await ask.take()).toBe('kept again')
    })

    it.runIf(running?.controllable && process.platform === 'linux')(
      'answers nothing while it is paused, and everything after',
      async () => {
        await running.pause()
        let answered = false
        const put = ask.put('frozen').then(() => {
          answered = true
        })
        // The stopped state is visible from outside: every process of the server is in state T.
        expect(statesOf(running.dataDir ?? '')).toEqual(['T'])
        expect(answered).toBe(false)
        await running.resume()
        await put
        expect(await ask.take()).toBe('frozen')
      },
    )

    it.runIf(running?.controllable)('is gone with its data after stop, however often', async () => {
      await running.stop()
      await running.stop()
      expect(existsSync(running.dataDir ?? '')).toBe(false)
      expect(statesOf(running.dataDir ?? '')).toEqual([])
      await expect(running.restart()).rejects.toThrow(/stopped/)
    })
  })
}

function portOf(url: string): string {
  return new URL(new URL(url).searchParams.get('endpoint') ?? url).port
}

/** The distinct states of the server's processes, epmd aside. */
function statesOf(dir: string): readonly string[] {
  const states = new Set<string>()
  for (const pid of processesIn(dir)) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    if (!stat.includes('(epmd)')) states.add(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '')
  }
  return [...states]
}
