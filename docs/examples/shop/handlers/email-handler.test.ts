import type { AddressInfo } from 'node:net'
import { performJob } from '@switchyard/core/testing'
import { SMTPServer } from 'smtp-server'
import { expect, it } from 'vitest'
import { startShop } from '../shop-fixture.ts'
import { emailHandler } from './email-handler.ts'

const mail = { to: 'ada@example.com', template: 'receipt', about: 'o-17', name: 'Ada' } as const

it('sends one mail by SMTP, however often the job is delivered', async () => {
  await using fixture = await startShop()
  const handler = emailHandler(fixture.shop)
  for (let time = 0; time < 3; time += 1) expect((await performJob(handler, mail)).outcome).toBe('completed')
  const [effect, ...others] = fixture.book.applied
  expect(others).toEqual([])
  expect(effect).toMatchObject({ sink: 'mail', key: 'email:receipt:o-17', pid: process.pid })
  expect(effect?.token).toMatch(/^<[0-9a-f]{40}@shop\.example>$/)
  expect(fixture.book.repeated).toEqual([])
})

it('sends the same Message-ID after a crash between sending and noting, so that the copy is dropped', async () => {
  await using fixture = await startShop()
  const handler = emailHandler(fixture.shop)
  await performJob(handler, mail)
  fixture.shop.database.exec('delete from sent_mails')
  await performJob(handler, mail)
  expect(fixture.book.keys('mail')).toEqual(['email:receipt:o-17'])
  expect(fixture.book.repeated).toHaveLength(1)
})

it.each([
  [550, 'dead'],
  [451, 'retry'],
])('takes the answer %i of a mail server as %s', async (responseCode, kind) => {
  await using fixture = await startShop()
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onRcptTo: (_address, _session, answered) => answered(Object.assign(new Error('not here'), { responseCode })),
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.server.address() as AddressInfo
    const handler = emailHandler({ ...fixture.shop, smtpUrl: `smtp://127.0.0.1:${port}` })
    expect((await performJob(handler, mail)).decision.kind).toBe(kind)
    expect(fixture.shop.database.prepare('select count(*) as mails from sent_mails').get()).toEqual({ mails: 0 })
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
})
