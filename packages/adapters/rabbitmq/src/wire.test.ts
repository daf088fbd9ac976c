import type { Message as AmqpMessage } from 'amqplib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromAmqp, toCopy, toOutgoing } from './wire.ts'

const ID = '0197b0de-0000-7000-8000-000000000001'

function arrived(content: Buffer, properties: object): AmqpMessage {
  return { content, fields: {}, properties } as unknown as AmqpMessage
}

describe('wire', () => {
  test('body and id come back byte for byte', () => {
    fc.assert(
      fc.property(fc.json(), fc.uuid(), (body, id) => {
        const { content, properties } = toOutgoing('q', { id, name: 'n', body, delayMs: 0 })
        expect(fromAmqp(arrived(content, properties))).toEqual({ message: { id, body }, note: null, lapses: 0 })
      }),
    )
  })

  test('a copy carries note and lapses and leaves every other header behind', () => {
    const headers = {
      'x-death': [{ count: 1 }],
      'x-first-death-queue': 'a',
      'x-last-death-reason': 'expired',
      'x-delivery-count': 2,
      'switchyard-lapses': 3,
      'switchyard-note': '{"a":1}',
      other: true,
    }
    const original = arrived(Buffer.from('{}'), { messageId: ID, type: 'job', headers })
    const copy = toCopy('q', original, { delayMs: 5 })
    expect(copy.properties).toMatchObject({ type: 'job', persistent: true, mandatory: true })
    expect(copy.properties.headers).toEqual({ 'switchyard-lapses': 5, 'switchyard-note': '{"a":1}' })
    expect(toCopy('q', original, { delayMs: 5, note: '{}' }).properties.headers).toMatchObject({
      'switchyard-note': '{}',
    })
  })

  test('copies of one step have one id, other than the original, and each further copy another', () => {
    const original = arrived(Buffer.from('{}'), { messageId: ID })
    const [once, twice] = [toCopy('q', original, { delayMs: 0 }), toCopy('q', original, { delayMs: 9 })]
    expect(once.properties.messageId).toBe(twice.properties.messageId)
    const third = toCopy('q', arrived(once.content, once.properties), { delayMs: 0 })
    expect(new Set([ID, once.properties.messageId, third.properties.messageId]).size).toBe(3)
  })

  test('any headers, ids and bytes of others are read without throwing, and the id is stable', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.anything(),
        fc.dictionary(fc.constantFrom('switchyard-note', 'switchyard-lapses', 'x-delivery-count'), fc.anything()),
        (bytes, messageId, headers) => {
          const read = fromAmqp(arrived(Buffer.from(bytes), { messageId, headers }))
          expect(read).toEqual(fromAmqp(arrived(Buffer.from(bytes), { messageId, headers })))
          expect(read.message.id.length).toBeGreaterThan(0)
          expect(read.lapses).toBeGreaterThanOrEqual(0)
        },
      ),
    )
  })

  test('a job name longer than an AMQP short string is cut between characters', () => {
    const { type } = toOutgoing('q', {
      id: ID,
      name: `${'a'.repeat(250)}\u{1f68b}\u{1f68b}`,
      body: '{}',
      delayMs: 0,
    }).properties
    expect(type).toBe('a'.repeat(250))
  })
})
