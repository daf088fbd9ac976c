import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { skipOrThrow } from './broker-or-skip.ts'
import {
  BROKER_KINDS,
  type BrokerKind,
  BrokerUnavailable,
  envName,
  type StartBrokerOptions,
  startBroker,
} from './index.ts'
import { SERVER_SUPPLIES } from './server-supply.ts'
import { climbLadder } from './start-broker.ts'

/** A port on which nobody listens: taken once and given back. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return address !== null && typeof address === 'object' ? address.port : 0
}

beforeEach(() => {
  for (const kind of BROKER_KINDS) vi.stubEnv(envName(kind), '')
  vi.stubEnv('SWITCHYARD_NO_INSTALL', '1')
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

async function failure(attempt: Promise<unknown>): Promise<BrokerUnavailable> {
  const error = await attempt.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(BrokerUnavailable)
  return error as BrokerUnavailable
}

describe('an address in the environment', () => {
  it('that does not answer is an error, not a reason to test something else; no password is shown', async () => {
    const port = await closedPort()
    for (const [kind, url] of [
      ['redis', `redis://me:s3cret@127.0.0.1:${port}`],
      ['rabbitmq', `amqp://me:s3cret@127.0.0.1:${port}`],
      ['postgres', `postgres://me:s3cret@127.0.0.1:${port}/db`],
      ['sqs', `sqs://us-east-1?endpoint=http://127.0.0.1:${port}`],
    ] as const) {
      vi.stubEnv(envName(kind), url)
      const error = await failure(startBroker(kind))
      expect(error.failures.map(({ rung }) => rung)).toEqual(['env'])
      expect(error.message).toContain(envName(kind))
      expect(error.message).not.toContain('s3cret')
      expect(() => skipOrThrow(error)).toThrow(error)
    }
  })
})

/** startBroker as it is on a machine that has no such program. */
function bare(kind: BrokerKind, options: StartBrokerOptions = {}): Promise<unknown> {
  return climbLadder(kind, { ...SERVER_SUPPLIES[kind], program: () => undefined }, options)
}

describe.runIf(process.platform === 'linux')('a machine without the server', () => {
  it('with DOCKER_HOST on a closed port climbs on within 5 s and tells each rung and the command', async () => {
    vi.stubEnv('DOCKER_HOST', `tcp://127.0.0.1:${await closedPort()}`)
    const began = performance.now()
    const lines: string[] = []
    const error = await failure(bare('rabbitmq', { log: (line) => lines.push(line) }))
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(error.failures.map(({ rung }) => rung)).toEqual(['env', 'binary', 'docker', 'apt'])
    expect(error.failures[2]?.reason).toMatch(/^no engine: .*ECONNREFUSED/)
    expect(error.failures[3]?.reason).toContain('SWITCHYARD_NO_INSTALL=1')
    expect(error.message).toContain('sudo apt-get install -y rabbitmq-server')
    expect(error.message).toContain('SWITCHYARD_TEST_RABBITMQ_URL')
    expect(lines).toHaveLength(4)
  })

  it('with an engine that accepts and says nothing does not wait for it either', async () => {
    const mute = createServer()
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const address = mute.address()
    vi.stubEnv('DOCKER_HOST', `tcp://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`)
    const began = performance.now()
    const error = await failure(bare('redis'))
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(error.failures[2]).toMatchObject({ rung: 'docker' })
    mute.close()
  })

  it('tries one rung only when that is insisted on', async () => {
    const error = await failure(bare('postgres', { rung: 'binary' }))
    expect(error.failures).toEqual([{ rung: 'binary', reason: 'no server program found on this machine' }])
  })

  it('insists on the rung that the environment names, and refuses a name that is none', async () => {
    vi.stubEnv('SWITCHYARD_REDIS_RUNG', 'env')
    const error = await failure(startBroker('redis'))
    expect(error.failures).toEqual([{ rung: 'env', reason: 'SWITCHYARD_TEST_REDIS_URL is not set' }])
    vi.stubEnv('SWITCHYARD_REDIS_RUNG', 'nmp')
    await expect(startBroker('redis')).rejects.toThrow(
      'SWITCHYARD_REDIS_RUNG=nmp: there is no such rung; use one of env, binary, npm, docker, apt',
    )
  })

  it('fails loudly under CI and skips by name elsewhere', async () => {
    vi.stubEnv('DOCKER_HOST', `tcp://127.0.0.1:${await closedPort()}`)
    vi.stubEnv('CI', 'true')
    const error = await failure(bare('rabbitmq'))
    expect(() => skipOrThrow(error)).toThrow(error)
    vi.stubEnv('CI', '')
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    expect(skipOrThrow(error)).toMatch(/^not run: no rabbitmq broker\. Run: sudo apt-get install -y rabbitmq-server/)
    expect(said.mock.calls.join()).toContain('docker: no engine')
  })
})
