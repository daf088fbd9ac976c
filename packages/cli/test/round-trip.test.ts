import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { seeded } from '@switchyard/core/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run, start } from './command.ts'

let dir: string
let env: Record<string, string>
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'switchyard-cli-'))
  env = { SWITCHYARD_BROKER_URL: `sqlite:${join(dir, 'jobs.db')}`, FIXTURE_OUT: join(dir, 'out.txt') }
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const written = () =>
  existsSync(join(dir, 'out.txt')) ? readFileSync(join(dir, 'out.txt'), 'utf8').trim().split('\n') : []
const json = (text: string) => JSON.parse(text) as Record<string, never>

describe('the command line over one SQLite file', { timeout: 120_000 }, () => {
  it('enqueues, works, lists, shows, replays and discards, each in its own process', async () => {
    expect((await run(['enqueue', 'note', '{"n":1}'], { env })).code).toBe(0)
    expect((await run(['enqueue', 'note', '-'], { env, input: '{"n":2,"fail":true}' })).code).toBe(0)
    const queues = json((await run(['queues', '--json'], { env })).out)
    expect(queues).toMatchObject({
      queues: [{ queue: 'notes', lanes: [{ stats: { ready: { value: 2, exact: true } } }] }],
    })
    expect((await run(['worker', '--drain'], { env })).code).toBe(0)
    expect(written().map((line) => line.split(' ')[0])).toEqual(['1'])

    const list = json((await run(['dlq', 'list', '--error', '/cannot WRITE/i', '--json'], { env })).out) as unknown as {
      letters: { jobId: string }[]
    }
    expect(list.letters).toHaveLength(1)
    const id = list.letters[0]?.jobId ?? ''
    expect((await run(['dlq', 'list', '--error', 'something else', '--json'], { env })).out).toContain('"letters":[]')
    expect((await run(['dlq', 'show', id], { env })).out).toContain('cannot write 2')

    const dry = await run(['dlq', 'replay', '--job', 'note', '--dry-run'], { env })
    expect(dry.out).toContain('would replay 1')
    expect((await run(['dlq', 'replay', '--job', 'note'], { env })).code).toBe(64)
    expect((await run(['dlq', 'replay', '--job', 'note', '--yes'], { env })).code).toBe(0)
    expect((await run(['worker', '--drain'], { env: { ...env, FIXTURE_MENDED: '1' } })).code).toBe(0)
    expect(written().map((line) => line.split(' ')[0])).toEqual(['1', '2'])
    expect(written()[1]).toContain(id)

    await run(['enqueue', 'note', '{"n":3,"fail":true}'], { env })
    await run(['worker', '--drain'], { env })
    expect((await run(['dlq', 'discard', '--all', '--yes'], { env })).code).toBe(64)
    expect((await run(['dlq', 'discard', '--all', '--yes', '--because', 'test'], { env })).out).toContain('discarded 1')
    expect((await run(['dlq', 'list'], { env })).out).toContain('no dead letters')
  })

  it('stops gracefully on SIGTERM with exit code 0', async () => {
    const worker = start(['worker'], { env })
    await worker.says('worker.started')
    worker.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ code: 0, signal: null })
  })

  it('loses no confirmed job when any of its processes is killed with SIGKILL at any moment', async () => {
    const random = seeded(20261122)
    const confirmed = new Set<string>()
    for (let round = 0; round < 6; round++) {
      const enqueues = Array.from({ length: 4 }, (_, index) =>
        start(['enqueue', 'note', `{"n":${round * 4 + index}}`, '--json'], { env }),
      )
      const worker = start(['worker'], { env })
      for (const one of [worker, ...enqueues.slice(0, 2)]) {
        // A moment between the start of Node and the end of the command, drawn from the seed: the point of this test.
        void after(random() * 1_500).then(() => one.kill('SIGKILL'))
      }
      for (const one of enqueues) {
        const { out, code } = await one.ended
        if (code === 0) confirmed.add((json(out) as unknown as { jobId: string }).jobId)
      }
      await worker.ended
    }
    expect((await run(['worker', '--drain'], { env })).code).toBe(0)
    const ids = new Set(written().map((line) => line.split(' ')[1]))
    expect(confirmed.size).toBeGreaterThanOrEqual(12)
    expect([...confirmed].filter((id) => !ids.has(id))).toEqual([])
  })
})

describe('wrong use', { timeout: 60_000 }, () => {
  it.each([
    [['enqueue', 'nope', '{}'], 'no job "nope"'],
    [['enqueue', 'note', '{"n":"text"}'], 'n: must be a number'],
    [['enqueue', 'note', '{'], 'not JSON'],
    [['enqueue', 'note', '{"n":1}', '--delay', 'soon'], 'not a duration'],
    [['enqueue', 'note', '{"n":1}', '--id', 'x'], 'lower-case UUID'],
    [['worker', '--queues', 'other'], 'no handler serves other'],
    [['queues', '--broker', 'kafka://host'], 'unknown scheme "kafka"'],
    [['queues', '--broker', 'nonsense'], 'not a URL'],
    [['queues', '--broker', 'sqs://eu-west-1'], 'not installed; run: npm install @switchyard/sqs'],
    [['queues', '--config', 'missing.ts'], 'does not exist'],
    [['dlq', 'replay'], 'give an ID or a filter'],
    [['dlq', 'list', '--queue', 'other', '--broker', 'memory:'], 'queue "other" is not known'],
    [['dlq', 'list', '--error', '/(/', '--broker', 'memory:'], 'not a regular expression'],
    [['queues', '--broker', 'sqlite:/nonexistent/x.db'], 'there is no /nonexistent/x.db yet'],
    [['dlq', 'list', '--reason', 'bogus', '--broker', 'memory:'], 'there are attempts, permanent'],
    [['bogus'], 'unknown command'],
  ])('%j exits 64 and says why', async (args, message) => {
    // The checkout's own NODE_PATH would find every workspace package.
    const ended = await run(args, { env: { ...env, NODE_PATH: '' } })
    expect(ended.err).toContain(message)
    expect(ended.code).toBe(64)
  })

  it('exits 1 for a dead letter that does not exist, and 3 for a broker that does not answer', async () => {
    const absent = ['dlq', 'show', '01a203fa-6c09-7009-894d-19e0a37b5d76', '--broker', 'memory:']
    expect((await run(absent, { env })).code).toBe(1)
    const file = join(dir, 'not-a-database')
    writeFileSync(file, 'this is not a database, however long you look at it. '.repeat(50))
    const broken = await run(['queues', '--json', '--broker', `sqlite:${file}`], { env })
    expect(json(broken.out)).toMatchObject({
      error: { name: 'BrokerError', exitCode: 3, message: expect.stringContaining(file) },
    })
    expect(broken.code).toBe(3)
  })
})

describe('init', { timeout: 60_000 }, () => {
  it('writes a project, and refuses to write over one', async () => {
    const first = await run(['init', '--json'], { cwd: dir })
    expect(first.code).toBe(0)
    expect(json(first.out)).toMatchObject({
      written: expect.arrayContaining(['switchyard.config.ts', 'jobs/greet.ts', 'jobs/greet.test.ts']),
    })
    const second = await run(['init'], { cwd: dir })
    expect(second.code).toBe(64)
    expect(second.err).toContain('nothing was written')
  })
})
