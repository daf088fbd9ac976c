import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { inspect } from 'node:util'
import { type RunningBroker, startBroker } from '@switchyard/brokers'
import { startProxy, upstreamOf } from '@switchyard/brokers/proxy'
import { type BrokerError, systemClock } from '@switchyard/core/adapter'
import { adapterFromUrl } from '@switchyard/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { consumerOf, freshQueue, hostWith, message, openRedis, takeOne } from './fixture.ts'

let broker: RunningBroker

beforeAll(async () => {
  broker = await startBroker('redis')
})

afterAll(() => broker.stop())

function refusalOf(url: string, connectDeadlineMs = 10_000): Promise<unknown> {
  return adapterFromUrl(url)(hostWith([], { connectDeadlineMs })).catch((error: unknown) => error)
}

test('nobody listening is `unavailable` at once', async () => {
  expect(await refusalOf('redis://u:secret@127.0.0.1:1/0')).toMatchObject({ code: 'unavailable', maybeApplied: false })
})

test('a server that accepts and says nothing is given up within the connect deadline', async () => {
  const mute = createServer((socket) => socket.on('error', () => undefined))
  mute.listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const startedAt = performance.now()
  const error = await refusalOf(`redis://127.0.0.1:${(mute.address() as AddressInfo).port}`, 1_000)
  expect(error).toMatchObject({ code: 'timeout', retryable: true })
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  mute.close()
})

test('a wrong password, none, and a database that is not there fail typed, and no text holds the password', async () => {
  const url = new URL(broker.url)
  url.password = 'hunter2hunter2'
  const wrong = await refusalOf(url.href)
  expect(wrong).toMatchObject({ code: 'forbidden', retryable: false })
  expect(inspect(wrong, { depth: 9, showHidden: true })).not.toContain('hunter2')
  url.password = ''
  url.username = ''
  expect(await refusalOf(url.href)).toMatchObject({ code: 'forbidden' })
  expect(await refusalOf(`${broker.url}/999`)).toMatchObject({ code: 'not-found' })
})

test('a frozen server ends every call in time with `maybeApplied`, and jobs flow again when it thaws', async () => {
  await using open = await openRedis({ url: broker.url }, { callDeadlineMs: 1_500 })
  const { adapter } = open
  const queue = await freshQueue(adapter, { leaseMs: 2_000 })
  const consumer = await consumerOf(adapter, queue, { leaseMs: 2_000 })
  await adapter.send(queue, [message({ body: '"held"' })])
  const held = await takeOne(consumer)
  const receiving = takeOne(consumer)
  await broker.pause()
  const one = message({ body: '"doubtful"' })
  const startedAt = performance.now()
  const [sent, settled] = await Promise.all([
    adapter.send(queue, [one]).catch((error: unknown) => [error]),
    consumer.settle([{ kind: 'complete', delivery: held }]),
  ])
  expect(performance.now() - startedAt).toBeLessThan(3_000)
  expect(sent).toMatchObject([{ code: 'timeout', maybeApplied: true, retryable: true }])
  expect(settled).toMatchObject([{ code: 'timeout', maybeApplied: true }])
  await broker.resume()
  const thawedAt = performance.now()
  const again = async () => (await adapter.send(queue, [one]).catch((error: unknown) => [error as BrokerError]))[0]
  let answer = await again()
  while (typeof answer !== 'string' && performance.now() - thawedAt < 15_000) {
    await systemClock.sleep(50)
    answer = await again()
  }
  expect(['accepted', 'duplicate']).toContain(answer)
  const seen = [(await receiving).message.body]
  expect(performance.now() - thawedAt).toBeLessThan(15_000)
  if (seen[0] !== '"doubtful"') seen.push((await takeOne(consumer)).message.body)
  expect(seen.at(-1)).toBe('"doubtful"')
})

test('a server that is away for seconds is told once per connection; receive and exclusive use outlive it', async () => {
  await using open = await openRedis({ url: broker.url })
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue, { exclusive: true })
  const receiving = takeOne(consumer)
  await broker.kill()
  const gone = (await open.adapter.send(queue, [message()]).catch((error: unknown) => [error]))[0]
  expect(gone).toMatchObject({ code: 'unavailable', retryable: true })
  await systemClock.sleep(3_000) // the outage itself
  expect(open.faults.length).toBeGreaterThan(0)
  expect(open.faults.length).toBeLessThanOrEqual(2)
  await broker.restart()
  const upAt = performance.now()
  let answer: unknown
  do {
    await systemClock.sleep(20)
    ;[answer] = await open.adapter.send(queue, [message({ body: '"after"' })]).catch(() => ['failed'])
  } while (answer !== 'accepted' && performance.now() - upAt < 15_000)
  let body = (await receiving).message.body
  if (body !== '"after"') body = (await takeOne(consumer)).message.body // the first send may have arrived after all
  expect(body).toBe('"after"')
  expect(performance.now() - upAt).toBeLessThan(15_000)
  await using other = await openRedis({ url: broker.url })
  await expect(consumerOf(other.adapter, queue)).rejects.toMatchObject({ code: 'conflict' })
})

test('connections that die without a word hold nobody back for 15 s', async () => {
  await using proxy = await startProxy({ upstream: upstreamOf(broker.url) })
  await using open = await openRedis({ url: proxy.proxied(broker.url) })
  await using other = await openRedis({ url: broker.url })
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue)
  const receiving = takeOne(consumer)
  const silent = new Set(proxy.connections.map(({ id }) => id))
  proxy.halfOpen('both', { only: ({ id }) => silent.has(id) })
  const from = performance.now()
  await other.adapter.send(queue, [message({ body: '"through"' })])
  expect((await receiving).message.body).toBe('"through"')
  expect(performance.now() - from).toBeLessThan(15_000)
})

test('a reply that is lost on the way doubles nothing: the same id again is a duplicate, the settlement again is lost', async () => {
  await using proxy = await startProxy({ upstream: upstreamOf(broker.url) })
  await using open = await openRedis({ url: proxy.proxied(broker.url) })
  await using witness = await openRedis({ url: broker.url })
  const queue = await freshQueue(open.adapter)
  const sent = new Set<string>()
  /** The adapter is back when a count gets through. */
  const back = async () => {
    while (
      await open.adapter.stats(queue).then(
        () => false,
        () => true,
      )
    )
      await systemClock.sleep(20)
  }
  let doubtful = 0
  for (let round = 0; round < 10; round += 1) {
    const one = message()
    sent.add(one.id)
    const [main] = proxy.connections
    proxy.cutAfter(0, 'server->client', { only: ({ id }) => id === main?.id })
    const [answer] = await open.adapter.send(queue, [one])
    if (answer !== 'accepted') {
      expect(answer).toMatchObject({ code: 'unavailable', maybeApplied: true, retryable: true })
      doubtful += 1
    }
    await back()
    const [again] = await open.adapter.send(queue, [one])
    expect(again).toBe('duplicate')
  }
  expect(doubtful).toBeGreaterThan(5)
  expect((await witness.adapter.stats(queue)).ready?.value).toBe(sent.size)

  const consumer = await consumerOf(open.adapter, queue)
  const delivery = await takeOne(consumer)
  const [main] = proxy.connections
  proxy.cutAfter(0, 'server->client', { only: ({ id }) => id === main?.id })
  const [unknown] = await consumer.settle([{ kind: 'complete', delivery }])
  expect(unknown).toMatchObject({ code: 'unavailable', maybeApplied: true })
  await back()
  expect(await consumer.settle([{ kind: 'complete', delivery }])).toEqual(['lost'])
  expect((await witness.adapter.stats(queue)).ready?.value).toBe(sent.size - 1)
})

test('TLS with a certificate of our own works, and one that nobody vouches for is `forbidden`', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-redis-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
      ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert],
    ],
    { stdio: 'ignore' },
  )
  const upstream = upstreamOf(broker.url)
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) => {
    const onward = connect(upstream.port, upstream.host)
    for (const end of [socket, onward]) end.on('error', () => undefined)
    socket.pipe(onward).pipe(socket)
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const url = new URL(broker.url)
    url.port = String((server.address() as AddressInfo).port)
    const secure = url.href.replace('redis:', 'rediss:')
    expect(await refusalOf(secure)).toMatchObject({ code: 'forbidden' })
    const byUrl = await adapterFromUrl(`${secure}?ca=cert.pem`, folder)(hostWith([]))
    await byUrl.close()
    await using open = await openRedis({ url: secure, tls: { ca: readFileSync(cert, 'utf8') } })
    const queue = await freshQueue(open.adapter)
    await open.adapter.send(queue, [message({ body: '"sealed"' })])
    expect((await takeOne(await consumerOf(open.adapter, queue))).message.body).toBe('"sealed"')
  } finally {
    server.close()
    rmSync(folder, { recursive: true })
  }
})
