import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import type { Listening } from '../shop/http-server.ts'
import type { EffectRecorder } from './effect-book.ts'
import { senderOf } from './sender-of.ts'

/**
 * A real SMTP server on loopback. Like many mail stores (Dovecot, Cyrus: duplicate suppression) it delivers one Message-ID once
 * and takes the copy without complaint.
 */
export async function startMailServer(recorder: EffectRecorder): Promise<Listening> {
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 1_000,
    onData(stream, _session, answered) {
      textOf(stream)
        .then((mail) => deliver(recorder, mail))
        .then(
          () => answered(),
          (error: unknown) => answered(error instanceof Error ? error : new Error(String(error))),
        )
    },
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  // From here on only clients fail: a worker that is killed while it sends cuts its connection, and is meant to.
  server.on('error', () => {})
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

async function deliver(recorder: EffectRecorder, mail: string): Promise<void> {
  const headers = headersOf(mail)
  const about = headers.get('x-entity-ref-id')
  if (about === undefined) throw new Error('550 a mail of the shop says what it is about')
  const sender = senderOf(headers.get('x-shop-job'), headers.get('x-shop-worker'))
  await recorder.record({ sink: 'mail', key: `email:${about}`, token: headers.get('message-id') ?? null, ...sender })
}

/** Header fields by lower-case name, long ones put together again (RFC 5322 2.2.3). */
function headersOf(mail: string): ReadonlyMap<string, string> {
  const head = mail.slice(0, mail.search(/\r?\n\r?\n/)).replaceAll(/\r?\n[ \t]+/g, ' ')
  return new Map(
    head.split(/\r?\n/).map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
}
