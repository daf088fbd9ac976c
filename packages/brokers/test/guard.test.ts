import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { BrokerKind } from '../src/index.ts'
import { SERVER_SUPPLIES } from '../src/server-supply.ts'

const INDEX = new URL('../src/index.ts', import.meta.url).href

/** A process of its own that starts a broker, tells where, and then does nothing. */
const PARENT = `
  const { startBroker } = await import(${JSON.stringify(INDEX)})
  const broker = await startBroker(process.argv[1])
  console.log(JSON.stringify({ url: broker.url, dir: broker.dataDir }))
  setInterval(() => {}, 1000)
`
/** Like it, but ends as soon as the broker runs, without stopping it. */
const FORGETFUL = PARENT.replace('setInterval(() => {}, 1000)', '')

interface Told {
  readonly url: string
  readonly dir: string
}

let child: ChildProcess | undefined
afterEach(() => void child?.kill('SIGKILL'))

function tell(script: string, kind: BrokerKind): Promise<Told> {
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script, kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child = parent
  let text = ''
  return new Promise((resolve, reject) => {
    parent.stdout.on('data', (part: Buffer) => {
      text += part.toString()
      if (text.includes('\n')) resolve(JSON.parse(text) as Told)
    })
    parent.once('error', reject)
    parent.once('close', (code) => reject(new Error(`the parent ended (${code}) and told nothing`)))
  })
}

describe('a broker whose parent is gone', () => {
  for (const kind of ['sqs', 'redis', 'postgres', 'rabbitmq'] as const) {
    const supply = SERVER_SUPPLIES[kind]
    const here = (supply.program?.('binary') ?? supply.npmPackage?.find()) !== undefined

    it.skipIf(!here)(`${kind}: dies with it at SIGKILL, data and all`, async () => {
      const { url, dir } = await tell(PARENT, kind)
      expect(await answers(url)).toBe(true)
      expect(processesIn(dir)).not.toEqual([])
      child?.kill('SIGKILL')
      await until(() => !existsSync(dir) && processesIn(dir).length === 0)
      expect(await answers(url)).toBe(false)
    })
  }

  it('dies with it when it just ends, and does not keep it alive', async () => {
    const { url, dir } = await tell(FORGETFUL, 'sqs')
    await until(() => !existsSync(dir) && processesIn(dir).length === 0)
    expect(await answers(url)).toBe(false)
    await until(() => child?.exitCode !== null)
    expect(child?.exitCode).toBe(0)
  })
})

/** Processes whose command or environment mentions this folder (the guard has it as argument). */
function processesIn(dir: string): readonly string[] {
  const found: string[] = []
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    try {
      const text = readFileSync(`/proc/${pid}/cmdline`, 'latin1') + readFileSync(`/proc/${pid}/environ`, 'latin1')
      if (text.includes(dir)) found.push(pid)
    } catch {
      // ended while we looked
    }
  }
  return found
}

function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(new URL(url).searchParams.get('endpoint') ?? url)
  return new Promise((resolve) => {
    const socket = createConnection({ host: hostname, port: Number(port) })
    socket.once('connect', () => resolve(socket.destroy() !== undefined))
    socket.once('error', () => resolve(false))
  })
}

/** Polls across processes, with a deadline. */
async function until(condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 10_000; !condition(); await sleep(20)) {
    if (performance.now() > deadline) throw new Error('did not come true within 10 s')
  }
}
