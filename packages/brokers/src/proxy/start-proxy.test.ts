import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FaultProxy, ProxyEvent } from './index.ts'
import { startProxy } from './index.ts'

/** Sends back what it gets; tells what arrived and how connections ended. */
class Echo {
  received = 0
  readonly endings: string[] = []
  readonly sockets = new Set<Socket>()
  readonly server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    this.sockets.add(socket)
    socket.on('data', (bytes) => {
      this.received += bytes.length
      socket.write(bytes)
    })
    socket.on('end', () => {
      this.endings.push('fin')
      socket.end()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => this.endings.push(error.code ?? ''))
    socket.on('close', () => this.sockets.delete(socket))
  })

  get port(): number {
    const address = this.server.address()
    return address !== null && typeof address === 'object' ? address.port : 0
  }
}

/** A client that remembers the pieces it got and how it ended. */
class Client {
  readonly pieces: Buffer[] = []
  readonly socket: Socket
  readonly ended: Promise<string>
  #waiting: (() => void)[] = []

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let error = ''
    this.socket.on('data', (bytes: Buffer) => {
      this.pieces.push(bytes)
      for (const wake of this.#waiting.splice(0)) wake()
    })
    this.socket.on('end', () => {
      error ||= 'fin'
    })
    this.socket.on('error', (failure: NodeJS.ErrnoException) => {
      error = failure.code ?? failure.message
    })
    this.ended = new Promise((resolve) => {
      this.socket.on('close', () => resolve(error))
    })
  }

  get text(): string {
    return Buffer.concat(this.pieces).toString()
  }

  async until(length: number): Promise<string> {
    while (this.text.length < length) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.text
  }

  async echo(text: string): Promise<string> {
    const want = this.text.length + text.length
    this.socket.write(text)
    return (await this.until(want)).slice(-text.length)
  }
}

let echo: Echo
let proxy: FaultProxy
let events: ProxyEvent[]
const clients: Client[] = []
const open = (): Client => {
  const client = new Client(proxy.port)
  clients.push(client)
  return client
}

beforeEach(async () => {
  echo = new Echo()
  events = []
  await once(echo.server.listen(0, '127.0.0.1'), 'listening')
  proxy = await startProxy({ upstream: { host: '127.0.0.1', port: echo.port }, onEvent: (event) => events.push(event) })
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy()
  await proxy.close()
  for (const socket of echo.sockets) socket.destroy()
  echo.server.close()
})

describe('the fault proxy in front of an echo server', () => {
  it('forwards both ways byte for byte and counts', async () => {
    const client = open()
    const text = 'x'.repeat(3_000_000)
    expect(await client.echo(text)).toBe(text)
    expect(proxy.connections.map(({ bytes }) => bytes)).toEqual([
      { 'client->server': text.length, 'server->client': text.length },
    ])
    expect(proxy.connections[0]?.head.toString()).toBe('x'.repeat(512))
  })

  it('passes a polite end on, and the answer to it', async () => {
    const client = open()
    await client.echo('hello')
    client.socket.end('bye')
    expect(await client.ended).toBe('fin')
    expect(client.text).toBe('hellobye')
    expect(echo.endings).toEqual(['fin'])
    expect(proxy.connections).toEqual([])
  })

  it('cut rst resets both sides', async () => {
    const client = open()
    await client.echo('hello')
    expect(proxy.cut({ how: 'rst' })).toBe(1)
    expect(await client.ended).toBe('ECONNRESET')
    await expect.poll(() => echo.endings).toEqual(['ECONNRESET'])
    expect(events.filter(({ kind }) => kind === 'cut')).toEqual([{ kind: 'cut', connection: 1, detail: 'rst' }])
  })

  it('cut fin ends both sides politely', async () => {
    const client = open()
    await client.echo('hello')
    proxy.cut({ how: 'fin' })
    expect(await client.ended).toBe('fin')
    await expect.poll(() => echo.endings).toEqual(['fin'])
  })

  it('cuts only the chosen connections', async () => {
    const subscriber = open()
    const producer = open()
    await subscriber.echo('LISTEN')
    await producer.echo('INSERT')
    expect(proxy.cut({ how: 'rst', only: ({ head }) => head.toString().startsWith('LISTEN') })).toBe(1)
    expect(await subscriber.ended).toBe('ECONNRESET')
    expect(await producer.echo('INSERT')).toBe('INSERT')
  })

  it('refuse lets nobody in, keeps who is there, and restore opens the same port', async () => {
    const { port } = proxy
    const inside = open()
    await inside.echo('hello')
    await proxy.refuse()
    expect(await open().ended).toBe('ECONNREFUSED')
    expect(await inside.echo('still here')).toBe('still here')
    await proxy.restore()
    expect(proxy.port).toBe(port)
    expect(await open().echo('again')).toBe('again')
  })

  it('hang accepts and passes nothing, without reaching for the server; restore lets it flow', async () => {
    const before = open()
    await before.echo('hello')
    await proxy.hang()
    const during = open()
    await once(during.socket, 'connect')
    during.socket.write('new')
    before.socket.write('old')
    await expect.poll(() => proxy.connections.length).toBe(2)
    // bytes that travel beside the proxy arrive: whatever were to come through it would have had its time
    await new Client(echo.port).echo('beside').then(() => undefined)
    expect(echo.received).toBe('hello'.length + 'beside'.length)
    expect(echo.sockets.size).toBe(2)
    await proxy.restore()
    expect(await during.until(3)).toBe('new')
    expect(await before.until(8)).toBe('helloold')
  })

  it('half-open to the server swallows requests, silently', async () => {
    const client = open()
    await client.echo('hello')
    proxy.halfOpen('client->server')
    client.socket.write('lost')
    await expect.poll(() => proxy.connections[0]?.swallowed['client->server']).toBe(4)
    await proxy.restore()
    expect(await client.echo('after')).toBe('after')
    expect(client.text).toBe('helloafter')
    expect(echo.received).toBe(10)
  })

  it('half-open to the client swallows answers to requests that were carried out', async () => {
    const client = open()
    await client.echo('hello')
    proxy.halfOpen('server->client')
    client.socket.write('heard')
    await expect.poll(() => proxy.connections[0]?.swallowed['server->client']).toBe(5)
    expect(echo.received).toBe(10)
    proxy.cut({ how: 'fin' })
    await client.ended
    expect(client.text).toBe('hello')
  })

  it('half-open can be for some connections only', async () => {
    const deaf = open()
    const fine = open()
    await deaf.echo('a')
    await fine.echo('b')
    proxy.halfOpen('both', { only: ({ head }) => head[0] === 97 })
    deaf.socket.write('lost')
    expect(await fine.echo('passes')).toBe('passes')
    await expect.poll(() => proxy.connections.map(({ swallowed }) => swallowed['client->server'])).toEqual([4, 0])
    expect(deaf.text).toBe('a')
  })

  it('delays each way and keeps the order', async () => {
    const client = open()
    await client.echo('x')
    proxy.delay(60)
    const began = performance.now()
    client.socket.write('one ')
    client.socket.write('two')
    expect(await client.until(8)).toBe('xone two')
    expect(performance.now() - began).toBeGreaterThanOrEqual(118)
  })

  it('slices into single bytes', async () => {
    const client = open()
    await client.echo('x')
    proxy.slice(1)
    const writes: number[] = []
    for (const socket of echo.sockets) socket.on('data', (bytes) => writes.push(bytes.length))
    expect(await client.echo('0123456789')).toBe('0123456789')
    expect(writes.length).toBeGreaterThan(3) // the kernel may glue some
  })

  it('limits bytes per second', async () => {
    const client = open()
    await client.echo('x')
    proxy.limit(10_000)
    const began = performance.now()
    await client.echo('y'.repeat(3_000))
    const tookMs = performance.now() - began
    expect(tookMs).toBeGreaterThan(180) // 0.3 s each way, overlapping, the first portion free
    expect(tookMs).toBeLessThan(2_000)
  })

  it('cuts after n bytes of a reply, in mid-frame', async () => {
    const client = open()
    await client.echo('hello')
    proxy.cutAfter(3, 'server->client', { how: 'fin' })
    client.socket.write('0123456789')
    expect(await client.ended).toBe('fin')
    expect(client.text).toBe('hello012')
    expect(echo.received).toBe(15)
    expect(await open().echo('the next one is whole')).toBe('the next one is whole')
  })

  it('cuts before the reply to a request that was carried out', async () => {
    const client = open()
    await client.echo('hello')
    proxy.cutAfter(0, 'server->client')
    client.socket.write('carried out')
    expect(await client.ended).toBe('ECONNRESET')
    expect(client.text).toBe('hello')
    expect(echo.received).toBe(16)
  })

  it('looks like a dying server when the real one is down, and says why', async () => {
    echo.server.close()
    expect(await open().ended).toBe('ECONNRESET')
    expect(events).toContainEqual({ kind: 'upstream-failed', connection: 1, detail: 'ECONNREFUSED' })
  })

  it('refuses numbers that mean nothing', () => {
    expect(() => proxy.delay(-1)).toThrow(/delay in ms: -1/)
    expect(() => proxy.slice(0)).toThrow(/slice/)
    expect(() => proxy.limit(Number.NaN)).toThrow(/limit/)
  })

  it('leads the address of each broker through itself', () => {
    const { port } = proxy
    const to = echo.port
    expect(proxy.proxied(`postgres://u:p@127.0.0.1:${to}/db`)).toBe(`postgres://u:p@127.0.0.1:${port}/db`)
    expect(proxy.proxied(`amqp://u:p@localhost:${to}`)).toBe(`amqp://u:p@127.0.0.1:${port}`)
    expect(proxy.proxied(`redis://default:p@127.0.0.1:${to}`)).toBe(`redis://default:p@127.0.0.1:${port}`)
    const sqs = `sqs://us-east-1?endpoint=${encodeURIComponent(`http://127.0.0.1:${to}`)}`
    expect(new URL(proxy.proxied(sqs)).searchParams.get('endpoint')).toBe(`http://127.0.0.1:${port}`)
    expect(() => proxy.proxied('redis://u:secret@127.0.0.1:1')).toThrow(/\*\*\*.*leads to port 1/)
  })

  it('is closed for good', async () => {
    const client = open()
    await client.echo('x')
    await proxy.close()
    expect(await client.ended).toBe('ECONNRESET')
    expect(await open().ended).toBe('ECONNREFUSED')
    await expect(proxy.restore()).rejects.toThrow(/was closed/)
  })
})
