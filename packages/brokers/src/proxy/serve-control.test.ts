import { once } from 'node:events'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FaultProxy, type ProxyControl, serveControl, startProxy } from './index.ts'

const upstream = createServer((socket) => {
  socket.on('error', () => undefined) // the proxy resets it
  socket.pipe(socket)
})
let proxy: FaultProxy
let control: ProxyControl

beforeAll(async () => {
  await once(upstream.listen(0, '127.0.0.1'), 'listening')
  const address = upstream.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  proxy = await startProxy({ upstream: { host: '127.0.0.1', port } })
  control = await serveControl(proxy)
})

afterAll(async () => {
  await control.close()
  await proxy.close()
  upstream.close()
})

async function post(name: string, body: object = {}): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${control.url}/${name}`, { method: 'POST', body: JSON.stringify(body) })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

describe('driving a proxy over HTTP', () => {
  it('tells port, faults and connections', async () => {
    const socket = connect(proxy.port, '127.0.0.1')
    socket.write('ping')
    await once(socket, 'data')
    const state = (await (await fetch(control.url)).json()) as Record<string, unknown>
    expect(state).toMatchObject({
      port: proxy.port,
      faults: { accept: 'forward', delayMs: 0 },
      connections: [{ id: 1, bytes: { 'client->server': 4, 'server->client': 4 } }],
    })
    socket.on('error', () => undefined)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    expect(await post('cut', { how: 'rst', connection: 99 })).toEqual({ status: 200, body: { cut: 0 } })
    expect(await post('cut', { how: 'rst', connection: 1 })).toEqual({ status: 200, body: { cut: 1 } })
    await closed
  })

  it('sets each fault and takes them back', async () => {
    await post('delay', { ms: 5 })
    await post('slice', { bytes: 2 })
    await post('limit', { bytesPerSecond: 1_000 })
    await post('half-open', { direction: 'server->client' })
    await post('hang')
    expect(proxy.faults).toEqual({
      accept: 'hang',
      halfOpen: 'server->client',
      delayMs: 5,
      sliceBytes: 2,
      bytesPerSecond: 1_000,
    })
    await post('refuse')
    expect(proxy.faults.accept).toBe('refuse')
    expect((await post('cut-after', { bytes: 10, direction: 'client->server' })).status).toBe(200)
    await post('restore')
    expect(proxy.faults).toMatchObject({ accept: 'forward', halfOpen: undefined, delayMs: 0 })
  })

  it('says what is wrong with a call', async () => {
    expect(await post('explode')).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('cut, refuse') },
    })
    expect(await post('delay', {})).toMatchObject({ status: 400, body: { error: 'ms has to be a number' } })
    expect(await post('half-open', { direction: 'up' })).toMatchObject({ status: 400 })
    expect(await post('cut', { how: 'gently' })).toMatchObject({ status: 400 })
  })

  it('does not listen to a web page that reaches it by another name', async () => {
    const status = await new Promise((resolve, reject) => {
      const call = request(`${control.url}/refuse`, { method: 'POST', headers: { host: 'evil.example' } })
      call.once('response', (response) => resolve(response.resume().statusCode))
      call.once('error', reject)
      call.end()
    })
    expect(status).toBe(400)
    expect(proxy.faults.accept).toBe('forward')
  })
})
