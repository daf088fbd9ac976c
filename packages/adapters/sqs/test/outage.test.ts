import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { inspect } from 'node:util'
import { type RunningBroker, startBroker } from '@switchyard/brokers'
import { startProxy, upstreamOf } from '@switchyard/brokers/proxy'
import { type Adapter, systemClock } from '@switchyard/core/adapter'
import { adapterFromUrl, sqs } from '@switchyard/sqs'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { consumerOf, freshQueue, hostOf, letter, openSqs, takeOne } from './bed.ts'

let broker: RunningBroker

beforeAll(async () => {
  broker = await startBroker('sqs')
})
afterAll(() => broker.stop())
afterEach(() => vi.unstubAllEnvs())

const addressOf = (port: number) => `sqs://us-east-1?endpoint=${encodeURIComponent(`http://127.0.0.1:${port}`)}`

function refusalOf(url: string, connectDeadlineMs = 10_000): Promise<unknown> {
  return adapterFromUrl(url)(hostOf([], { connectDeadlineMs })).catch((error: unknown) => error)
}

/** Answers as AWS does where fauxqs never would: by a list of [status, exception, text]; after it, as an empty queue. */
async function awsSaying(
  script: [status: number, name: string, text: string][],
): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      const [status, name, text] = script.shift() ?? [200, '', '']
      const body =
        status === 200 ? { QueueUrl: 'http://x/1/q' } : { __type: `com.amazonaws.sqs#${name}`, message: text }
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, url: addressOf((server.address() as AddressInfo).port) }
}

async function sendUntilAccepted(adapter: Adapter, queue: string): Promise<void> {
  const until = systemClock.now() + 30_000
  while (systemClock.now() < until) {
    const [answer] = await adapter.send(queue, [letter({ body: '"after"' })]).catch(() => [])
    if (answer === 'accepted') return
    await systemClock.sleep(50)
  }
  throw new Error('nothing was accepted within 30 s')
}

test('nobody listening is `unavailable` at once, and was not applied', async () => {
  expect(await refusalOf(addressOf(1))).toMatchObject({ code: 'unavailable', maybeApplied: false, retryable: true })
})

test('a server that accepts and says nothing is given up within the connect deadline', async () => {
  const mute = createTcpServer((socket) => socket.on('error', () => undefined))
  mute.listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const startedAt = performance.now()
  const error = await refusalOf(addressOf((mute.address() as AddressInfo).port), 1_000)
  expect(error).toMatchObject({ code: 'timeout', retryable: true })
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  mute.close()
})

test('without credentials anywhere connecting is `forbidden`, with the way out', async () => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  vi.stubEnv('HOME', '/nowhere')
  expect(await refusalOf(broker.url)).toMatchObject({ code: 'forbidden', maybeApplied: false, retryable: false })
})

test('keys that AWS does not know are `forbidden`; keys without a right to the probe may still have others', async () => {
  const unknown = await awsSaying([[403, 'UnrecognizedClientException', 'The security token is invalid.']])
  expect(await refusalOf(unknown.url)).toMatchObject({ code: 'forbidden' })
  const denied = await awsSaying([[403, 'AccessDeniedException', 'User is not authorized to perform: sqs:getqueueurl']])
  const adapter = await adapterFromUrl(denied.url)(hostOf([]))
  await adapter.close()
  unknown.server.close()
  denied.server.close()
})

test('no key and no token gets into an error, whatever AWS repeats', async () => {
  const text = 'The Canonical String should have been x-amz-security-token:TOKEN-SECRET'
  const aws = await awsSaying([
    [403, 'InvalidSignatureException', text],
    [403, 'UnrecognizedClientException', 'no'],
  ])
  const { region, endpoint } = { region: 'us-east-1', endpoint: new URL(aws.url).searchParams.get('endpoint') ?? '' }
  const credentials = { accessKeyId: 'AKIA-ID', secretAccessKey: 'KEY-SECRET', sessionToken: 'TOKEN-SECRET' }
  for (let round = 0; round < 2; round += 1) {
    const error = await sqs({ region, endpoint, credentials })(hostOf([])).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'forbidden' })
    expect(inspect(error, { depth: 12, showHidden: true })).not.toMatch(/TOKEN-SECRET|KEY-SECRET|AKIA-ID/)
  }
  aws.server.close()
})

test('throttling is waited out on the clock of the host, and told when the deadline ends first', async () => {
  const slow: [number, string, string] = [400, 'RequestThrottled', 'Rate exceeded']
  const aws = await awsSaying([slow, slow])
  const waits: number[] = []
  const clock = {
    ...systemClock,
    sleep: (ms: number, signal?: AbortSignal) => {
      waits.push(ms)
      return systemClock.sleep(ms, signal)
    },
  }
  const adapter = await adapterFromUrl(aws.url)(hostOf([], { clock }))
  expect(waits).toHaveLength(2)
  expect(waits[1]).toBeGreaterThan(waits[0] ?? 0)
  await adapter.close()
  aws.server.close()
  const never = await awsSaying(Array.from({ length: 100 }, () => slow))
  expect(await refusalOf(never.url, 500)).toMatchObject({ code: 'throttled', retryable: true, maybeApplied: false })
  never.server.close()
})

test('an answer that is lost after the request was carried out is `maybeApplied`, and reported once', async () => {
  await using proxy = await startProxy({ upstream: upstreamOf(broker.url) })
  await using open = await openSqs(proxy.proxied(broker.url))
  const queue = await freshQueue(open.adapter)
  proxy.cutAfter(0, 'server->client')
  const [answer] = await open.adapter.send(queue, [letter()])
  expect(answer).toMatchObject({ code: 'unavailable', maybeApplied: true, retryable: true })
  expect(open.faults).toMatchObject([{ code: 'unavailable' }])
  expect((await open.adapter.stats(queue)).ready?.value).toBe(1) // it was
})

test('a delete that is answered after its lease had ended is unknown, not settled', async () => {
  await using proxy = await startProxy({ upstream: upstreamOf(broker.url) })
  await using open = await openSqs(proxy.proxied(broker.url))
  const queue = await freshQueue(open.adapter, 1_000)
  await open.adapter.send(queue, [letter()])
  const consumer = await consumerOf(open.adapter, queue, { leaseMs: 1_000 })
  const delivery = await takeOne(consumer)
  proxy.delay(2_500) // each way: the answer comes when the lease, a poll longer than asked, is over
  const [answer] = await consumer.settle([{ kind: 'complete', delivery }])
  expect(answer).toMatchObject({ code: 'timeout', maybeApplied: true, retryable: false })
})

test('an idle receive outlives a server that is away for seconds, and says so once', async () => {
  await using open = await openSqs(broker.url)
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue)
  const receiving = takeOne(consumer)
  await broker.kill()
  expect(await open.adapter.send(queue, [letter()])).toMatchObject([{ code: 'unavailable', maybeApplied: false }])
  await systemClock.sleep(3_000) // the outage itself
  expect(open.faults).toHaveLength(1)
  await broker.restart()
  await sendUntilAccepted(open.adapter, queue)
  expect((await receiving).message.body).toBe('"after"')
})

test('half-open connections are given up in time, idle ones with them, and jobs flow within 15 s', async () => {
  await using proxy = await startProxy({ upstream: upstreamOf(broker.url) })
  await using open = await openSqs(proxy.proxied(broker.url))
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue)
  const receiving = takeOne(consumer)
  await open.adapter.stats(queue) // leaves an idle connection behind
  proxy.halfOpen('both', { only: () => true })
  const refused = open.adapter.stats(queue).catch((error: unknown) => error)
  await systemClock.sleep(1_000) // the outage itself
  await proxy.restore()
  const restoredAt = systemClock.now()
  await sendUntilAccepted(open.adapter, queue)
  expect((await receiving).message.body).toBe('"after"')
  expect(systemClock.now() - restoredAt).toBeLessThan(15_000)
  expect(await refused).toMatchObject({ code: 'timeout', maybeApplied: false })
})

test('a frozen server ends every call in time with `maybeApplied`, close included', async () => {
  const open = await openSqs(broker.url, { callDeadlineMs: 2_000 })
  const queue = await freshQueue(open.adapter)
  const consumer = await consumerOf(open.adapter, queue)
  await open.adapter.send(queue, [letter(), letter()])
  const [one, two] = [await takeOne(consumer), await takeOne(consumer)]
  await broker.pause()
  const startedAt = systemClock.now()
  const answers = await Promise.all([
    open.adapter.send(queue, [letter()]),
    consumer.settle([{ kind: 'complete', delivery: one }]),
    consumer.settle([{ kind: 'retry', delivery: two, delayMs: 0, note: '{}' }]),
  ])
  expect(answers.flat()).toMatchObject(answers.flat().map(() => ({ code: 'timeout', maybeApplied: true })))
  await open.adapter.close()
  expect(systemClock.now() - startedAt).toBeLessThan(8_000)
  await broker.resume()
})
