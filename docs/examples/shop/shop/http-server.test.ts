import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Listening, startHttpServer } from './http-server.ts'

let server: Listening
beforeEach(async () => {
  server = await startHttpServer({
    '/echo': ({ body }) => ({ status: 200, json: body.length }),
    '/broken': () => {
      throw new Error('out of order')
    },
  })
})
afterEach(() => server.close())

async function status(path: string, init: RequestInit): Promise<number> {
  return (await fetch(`${server.url}${path}`, init)).status
}

describe('the small HTTP server', () => {
  it.each<[string, string, RequestInit, number]>([
    ['a route', '/echo', { method: 'POST', body: 'x'.repeat(256 * 1024) }, 200],
    ['a query beside the path', '/echo?a=1', { method: 'POST', body: 'x' }, 200],
    ['too large a body', '/echo', { method: 'POST', body: 'x'.repeat(2_000_000) }, 413],
    ['another method', '/echo', { method: 'GET' }, 405],
    ['no route', '/toString', { method: 'POST' }, 404],
    ['a route that fails', '/broken', { method: 'POST', body: '{}' }, 500],
  ])('answers %s', async (_what, path, init, expected) => {
    expect(await status(path, init)).toBe(expected)
  })
})
