import type { Adapter, BrowseResult, ConsumeOptions, Delivery, Message } from '@switchyard/core/adapter'
import { BrokerError, silentLogger } from '@switchyard/core/adapter'
import { fakeClock } from '@switchyard/core/testing'
import { describe, expect, test } from 'vitest'
import { adapterFromUrl } from './adapter-from-url.ts'
import { imitate } from './capabilities.ts'
import type { MemoryOptions } from './memory.ts'
import { memory } from './memory.ts'
import { MemoryBroker } from './memory-broker.ts'

const never = new AbortController().signal

function hostWith(clock = fakeClock()) {
  const faults: BrokerError[] = []
  const report = (fault: BrokerError) => void faults.push(fault)
  return { clock, log: silentLogger, callDeadlineMs: 30_000, connectDeadlineMs: 10_000, report, faults }
}

async function open(options: MemoryOptions = {}, host = hostWith()): Promise<Adapter> {
  const adapter = await memory(options)(host)
  await adapter.declare({ name: 'q', leaseMs: 1_000, ordered: false, dedupeMs: 0 })
  return adapter
}

function consume(adapter: Adapter, options: Partial<ConsumeOptions> = {}) {
  return adapter.consume('q', { leaseMs: 1_000, prefetch: 0, lost() {}, ...options })
}

function message(id: string, parts: Partial<Message> = {}): Message {
  return { id, name: 'job', body: JSON.stringify({ id }), delayMs: 0, ...parts }
}

async function code(call: Promise<unknown>): Promise<string> {
  try {
    const answer = await call
    const first: unknown = Array.isArray(answer) ? answer[0] : answer
    return first instanceof BrokerError ? first.code : String(first)
  } catch (error) {
    return error instanceof BrokerError ? `threw ${error.code}` : String(error)
  }
}

const ids = (deliveries: readonly Delivery[]) => deliveries.map((delivery) => delivery.message.id)

describe('waiting', () => {
  test('a receive that waits is served by a send, by a due time and by a lapse, without any poll', async () => {
    const host = hostWith()
    const adapter = await open({}, host)
    const [one, two] = [await consume(adapter), await consume(adapter)]
    const waiting = one.receive(5, never)
    await adapter.send('q', [message('a'), message('b', { delayMs: 40 })])
    expect(ids(await waiting)).toEqual(['a'])
    const due = two.receive(5, never)
    await host.clock.advance(39)
    const before = await adapter.stats('q')
    await host.clock.advance(1)
    expect(before.delayed?.value).toBe(1)
    expect(ids(await due)).toEqual(['b'])
    const lapsed = two.receive(5, never)
    await host.clock.advance(960)
    expect((await lapsed).map(({ message, lapses }) => [message.id, lapses])).toEqual([['a', 1]])
  })

  test('consumers that wait are served in the order in which they began to wait', async () => {
    const adapter = await open()
    const consumers = [await consume(adapter), await consume(adapter), await consume(adapter)]
    const waiting = consumers.map((consumer) => consumer.receive(1, never))
    await adapter.send('q', [message('a'), message('b'), message('c')])
    expect((await Promise.all(waiting)).map(ids)).toEqual([['a'], ['b'], ['c']])
  })

  test('an aborted receive leaves no listener, no waiter and no timer behind', async () => {
    const host = hostWith()
    const adapter = await open({}, host)
    const consumer = await consume(adapter)
    for (let round = 0; round < 20; round += 1) {
      const abort = new AbortController()
      const receiving = consumer.receive(1, abort.signal)
      abort.abort()
      expect(await receiving).toEqual([])
    }
    expect(host.clock.pending).toBe(0)
    await adapter.send('q', [message('a')])
    expect(ids(await consumer.receive(1, never))).toEqual(['a'])
  })

  test('close rejects a receive that waits, and later calls, with code closed', async () => {
    const adapter = await open()
    const consumer = await consume(adapter)
    const waiting = code(consumer.receive(1, never))
    await adapter.close()
    expect(await waiting).toBe('threw closed')
    expect(await code(consumer.receive(1, never))).toBe('threw closed')
    expect(await code(adapter.send('q', [message('a')]))).toBe('threw closed')
    await adapter.close()
  })
})

describe('told about the end of a lease', () => {
  test('lost is called once, for what lapsed and for what a purge took, never for what was closed', async () => {
    const host = hostWith()
    const adapter = await open({}, host)
    const told: string[][] = []
    const consumer = await consume(adapter, { lost: (deliveries) => void told.push(ids(deliveries)) })
    await adapter.send('q', [message('a'), message('b')])
    await consumer.receive(2, never)
    await host.clock.advance(1_000)
    expect(told).toEqual([['a', 'b']])
    await consumer.receive(1, never)
    await adapter.purge('q')
    await host.clock.advance(5_000)
    expect(told).toEqual([['a', 'b'], ['a']])
    await adapter.send('q', [message('c')])
    await consumer.receive(1, never)
    await consumer.close()
    expect(told.length).toBe(2)
  })

  test('with leases tied to the connection nothing ends by time, and a cut ends everything and is reported', async () => {
    const host = hostWith()
    const broker = new MemoryBroker()
    const adapter = await open({ broker, capabilities: { lease: 'connection' } }, host)
    const told: string[] = []
    const consumer = await consume(adapter, { lost: (deliveries) => void told.push(...ids(deliveries)) })
    await adapter.send('q', [message('a')])
    const [held] = await consumer.receive(1, never)
    await host.clock.advance(3_600_000)
    expect(told).toEqual([])
    broker.cut()
    expect(told).toEqual(['a'])
    expect(host.faults.map((fault) => fault.code)).toEqual(['unavailable'])
    expect(await code(consumer.settle([{ kind: 'complete', delivery: held as Delivery }]))).toBe('lost')
    expect((await consumer.receive(1, never)).map(({ lapses }) => lapses)).toEqual([1])
  })
})

describe('composed settlements', () => {
  const capabilities = { lease: 'connection', retry: 'composed', release: 'composed', move: 'composed' } as const

  test.each(['retry', 'release', 'move'] as const)(
    'a cut between the copy and the completion of a %s leaves both',
    async (kind) => {
      const broker = new MemoryBroker()
      const adapter = await open({ broker, capabilities })
      const consumer = await consume(adapter)
      await adapter.send('q', [message('a')])
      const [delivery] = (await consumer.receive(1, never)) as [Delivery]
      const settling = consumer.settle([
        kind === 'move' ? { kind, delivery, to: 'q', message: message('moved') } : { kind, delivery, delayMs: 0 },
      ])
      broker.cut()
      expect(await settling).toEqual(['lost'])
      const both = await consumer.receive(5, never)
      expect([both.length, ids(both).includes('a')]).toEqual([2, true])
    },
  )

  test('a copy has another id, no lapses and the note; the original is gone', async () => {
    const broker = new MemoryBroker()
    const adapter = await open({ broker, capabilities })
    const consumer = await consume(adapter)
    await adapter.send('q', [message('a')])
    await consumer.receive(1, never)
    broker.cut()
    const [lapsed] = (await consumer.receive(1, never)) as [Delivery]
    expect(lapsed.lapses).toBe(1)
    expect(await consumer.settle([{ kind: 'retry', delivery: lapsed, delayMs: 0, note: '"n"' }])).toEqual(['settled'])
    const [copy, ...more] = await consumer.receive(5, never)
    expect([copy?.lapses, copy?.note, copy?.message.body, more.length]).toEqual([0, '"n"', lapsed.message.body, 0])
    expect(copy?.message.id).not.toBe('a')
  })
})

describe('unique', () => {
  test('the key of a message that waits behind the head of its order key is held', async () => {
    const adapter = await memory()(hostWith())
    await adapter.declare({ name: 'q', leaseMs: 1_000, ordered: true, dedupeMs: 0 })
    const unique = { key: 'u', while: 'active' as const }
    await adapter.send('q', [message('a', { orderKey: 'k' }), message('b', { orderKey: 'k', unique })])
    expect(await code(adapter.send('q', [message('c', { unique })]))).toBe('duplicate')
  })

  test.each(['queued', 'active'] as const)(
    'while %s: one is admitted, and again when the promise ends',
    async (scope) => {
      const adapter = await open()
      const consumer = await consume(adapter)
      const unique = { key: 'k', while: scope }
      const send = (id: string) => code(adapter.send('q', [message(id, { unique })]))
      expect([await send('a'), await send('b')]).toEqual(['accepted', 'duplicate'])
      const [delivery] = (await consumer.receive(1, never)) as [Delivery]
      expect(await send('c')).toBe(scope === 'queued' ? 'accepted' : 'duplicate')
      await consumer.settle([{ kind: 'complete', delivery }])
      expect(await send('d')).toBe(scope === 'queued' ? 'duplicate' : 'accepted')
    },
  )

  test('a window runs from the send, whatever became of the message', async () => {
    const host = hostWith()
    const adapter = await open({}, host)
    const send = (id: string) => code(adapter.send('q', [message(id, { unique: { key: 'k', windowMs: 100 } })]))
    expect([await send('a'), await send('b')]).toEqual(['accepted', 'duplicate'])
    await host.clock.advance(99)
    expect(await send('c')).toBe('duplicate')
    await host.clock.advance(1)
    expect(await send('d')).toBe('accepted')
  })

  test('a move is never refused for it: refusing would lose the message', async () => {
    const adapter = await open()
    const consumer = await consume(adapter)
    const unique = { key: 'k', while: 'active' as const }
    await adapter.declare({ name: 'dead', leaseMs: 1_000, ordered: false, dedupeMs: 0 })
    await adapter.send('dead', [message('x', { unique })])
    await adapter.send('q', [message('a')])
    const [delivery] = (await consumer.receive(1, never)) as [Delivery]
    expect(
      await code(consumer.settle([{ kind: 'move', delivery, to: 'dead', message: message('y', { unique }) }])),
    ).toBe('settled')
    expect((await adapter.stats('dead')).ready?.value).toBe(2)
  })
})

describe('browse, exclusive, chance', () => {
  test('browse pages through every state without taking, and a page boundary loses nobody', async () => {
    const adapter = await open()
    const consumer = await consume(adapter)
    await adapter.send(
      'q',
      [...'abcdefg'].map((id) => message(id)),
    )
    await adapter.send('q', [message('late', { delayMs: 1_000 })])
    await consumer.receive(2, never)
    const browse = async (state: 'ready' | 'delayed' | 'leased', limit: number) => {
      const found: string[] = []
      for (let cursor: string | null | undefined = null; cursor !== undefined; ) {
        const page: BrowseResult | undefined = await adapter.browse?.('q', { state, cursor, limit })
        found.push(...(page?.messages ?? []).map((one) => one.message.id))
        cursor = page?.cursor ?? undefined
      }
      return found
    }
    for (const limit of [1, 2, 5, 100]) expect(await browse('ready', limit)).toEqual([...'cdefg'])
    expect(await browse('leased', 1)).toEqual(['a', 'b'])
    expect(await browse('delayed', 1)).toEqual(['late'])
    expect((await adapter.stats('q')).ready?.value).toBe(5)
    expect(
      await code(adapter.browse?.('q', { state: 'ready', cursor: 'made up', limit: 1 }) ?? Promise.resolve()),
    ).toBe('threw invalid')
  })

  test('an exclusive consumer keeps others out and is kept out by them, until one closes', async () => {
    const adapter = await open()
    const reader = await consume(adapter, { exclusive: true })
    expect(await code(consume(adapter))).toBe('threw conflict')
    await reader.close()
    const worker = await consume(adapter)
    expect(await code(consume(adapter, { exclusive: true }))).toBe('threw conflict')
    await worker.close()
    await (await consume(adapter, { exclusive: true })).close()
  })

  test('without order the seed decides: the same seed delivers alike, another one differently', async () => {
    const run = async (seed: number) => {
      const adapter = await open({ capabilities: { ordering: 'none' } }, hostWith(fakeClock({ seed })))
      await adapter.send(
        'q',
        [...'abcdefghijklmnop'].map((id) => message(id)),
      )
      return ids(await (await consume(adapter)).receive(100, never)).join('')
    }
    expect(await run(1)).toBe(await run(1))
    expect(await run(1)).not.toBe(await run(2))
    expect([...(await run(3))].sort().join('')).toBe('abcdefghijklmnop')
  })
})

describe('a weaker manifest is kept, by refusing', () => {
  test.each([
    ['delayMs above maxDelayMs', { maxDelayMs: 10 }, message('a', { delayMs: 11 }), 'unsupported'],
    ['an order key', { ordering: 'queue' }, message('a', { orderKey: 'k' }), 'unsupported'],
    ['a unique scope', { unique: ['queued'] }, message('a', { unique: { key: 'k', windowMs: 1 } }), 'unsupported'],
    ['a long body', { maxBodyBytes: 20 }, message('a', { body: '"ééééééééééé"' }), 'too-large'],
    ['a delay in the past', {}, message('a', { delayMs: -1 }), 'invalid'],
    ['one delayed too many', { maxDelayed: 0 }, message('a', { delayMs: 1 }), 'full'],
  ] as const)('%s', async (_, capabilities, refused, expected) => {
    const adapter = await open({ capabilities })
    expect(await code(adapter.send('q', [refused]))).toBe(expected)
    const { ready, delayed } = await adapter.stats('q')
    expect([ready?.value, delayed?.value]).toEqual([0, 0])
  })

  test('retention drops what waited too long, and nothing else', async () => {
    const host = hostWith()
    const adapter = await open({ capabilities: { retentionMs: 500 } }, host)
    await adapter.send('q', [message('old')])
    await host.clock.advance(400)
    await adapter.send('q', [message('young')])
    await host.clock.advance(100)
    expect(ids(await (await consume(adapter)).receive(5, never))).toEqual(['young'])
  })

  test('unfenced, only the local deadline protects: a receipt within it is taken although the broker gave the message away', async () => {
    const [brokerHost, slow] = [hostWith(), hostWith()]
    const broker = new MemoryBroker({ clock: brokerHost.clock })
    const capabilities = { fenced: false }
    const adapter = await open({ broker, capabilities }, slow)
    const [former, owner] = [await consume(adapter), await consume(adapter)]
    await adapter.send('q', [message('a')])
    const [stale] = (await former.receive(1, never)) as [Delivery]
    await brokerHost.clock.advance(1_000)
    const [owned] = (await owner.receive(1, never)) as [Delivery]
    expect(await code(former.settle([{ kind: 'complete', delivery: stale }]))).toBe('settled')
    expect(await code(owner.settle([{ kind: 'complete', delivery: owned }]))).toBe('lost')
  })

  test.each([
    [{ capabilities: { survives: 'power-loss' } }, /survives/],
    [{ capabilities: { transactions: true } }, /transactions/],
    [{ capabilities: { speed: 9 } }, /speed is no capability/],
    [{ capabilities: { maxDelayMs: -1 } }, /maxDelayMs/],
    [{ capabilities: { unique: ['never'] } }, /unique/],
    [{ volume: 11 }, /no option "volume"/],
  ])('memory(%j) is refused by name', (options, names) => {
    expect(() => memory(options as MemoryOptions)).toThrow(names)
  })

  test('imitate takes over a manifest, without what memory cannot be', async () => {
    const weak = await open({ capabilities: { dedupe: 'none', fenced: false, browse: false, maxDelayMs: 5 } })
    const twin = await open({ capabilities: imitate(weak.capabilities) })
    const values = (adapter: Adapter) => Object.entries(adapter.capabilities).map(([name, { value }]) => [name, value])
    expect(values(twin)).toEqual(values(weak))
    expect(twin.browse).toBeUndefined()
  })
})

describe('memory URLs', () => {
  test('a name is one broker per process, no name is a broker of its own', async () => {
    const send = async (url: string) => {
      const adapter = await adapterFromUrl(url, '/anywhere')(hostWith())
      await adapter.declare({ name: 'q', leaseMs: 1_000, ordered: false, dedupeMs: 0 })
      const answer = await code(adapter.send('q', [message('same')]))
      await adapter.close()
      return answer
    }
    expect([await send('memory:url-test'), await send('memory://url-test')]).toEqual(['accepted', 'duplicate'])
    expect([await send('memory:'), await send('memory:')]).toEqual(['accepted', 'accepted'])
  })

  test.each(['redis://x', 'memory:a/b', 'memory:u:secret@h', 'memory:?x=1'])(
    '%s is refused without repeating it',
    (url) => {
      expect(() => adapterFromUrl(url)).toThrow(BrokerError)
      expect(() => adapterFromUrl(url)).not.toThrow(/secret/)
    },
  )
})
