import { performJob } from '@switchyard/core/testing'
import { expect, it } from 'vitest'
import type { Shop } from '../shop/shop.ts'
import { startShop } from '../shop-fixture.ts'
import { naivePaymentHandler } from '../variants/naive.ts'
import { paymentHandler } from './payment-handler.ts'

const payment = { eventId: 'evt-1', account: 'acct-1', cents: 4_200, month: '2026-11' }

function balance({ database }: Shop): unknown {
  return database.prepare('select balance_cents from accounts where account = ?').get('acct-1')?.balance_cents
}

it('books a payment once, however often it is delivered', async () => {
  await using fixture = await startShop()
  const handler = paymentHandler(fixture.shop)
  await Promise.all([performJob(handler, payment), performJob(handler, payment)])
  expect((await performJob(handler, payment)).decision.kind).toBe('complete')
  expect(await fixture.rows()).toEqual(['payment:evt-1'])
  expect(balance(fixture.shop)).toBe(4_200)
  expect(fixture.book.keys('books')).toEqual(['payment:evt-1'])
  expect(fixture.book.repeated).toHaveLength(2)
})

it('enters the payment and changes the balance together or not at all', async () => {
  await using fixture = await startShop()
  const { database } = fixture.shop
  database.exec(
    "create trigger no_credit before insert on accounts begin select raise(abort, 'the disk is in a bad mood'); end",
  )
  const failed = await performJob(paymentHandler(fixture.shop), payment)
  expect(failed.decision.kind).toBe('retry')
  expect(await fixture.rows()).toEqual([])
  database.exec('drop trigger no_credit')
  expect((await performJob(paymentHandler(fixture.shop), payment)).outcome).toBe('completed')
  expect(balance(fixture.shop)).toBe(4_200)
})

it('waits for another writer without stopping the event loop, and gives up with its signal', async () => {
  await using fixture = await startShop()
  await using other = await startShop()
  const { database } = fixture.shop
  other.shop.database.exec(`attach '${String(database.location()).replaceAll("'", "''")}' as theirs`)
  other.shop.database.exec('begin immediate; delete from theirs.payments')
  const waiting = performJob(paymentHandler(fixture.shop), payment)
  // The signal can only abort, and `waiting` only still wait then, while the event loop turns.
  const stopped = performJob(paymentHandler(fixture.shop), payment, { signal: AbortSignal.timeout(60) })
  expect((await stopped).error).toMatchObject({ name: 'TimeoutError' })
  expect(await fixture.rows()).toEqual([])
  other.shop.database.exec('rollback')
  expect((await waiting).outcome).toBe('completed')
  expect(balance(fixture.shop)).toBe(4_200)
})

it('has a naive variant that books the payment again with the second delivery', async () => {
  await using fixture = await startShop()
  const handler = naivePaymentHandler(fixture.shop)
  await performJob(handler, payment)
  expect(await fixture.rows()).toEqual(['payment:evt-1'])
  await performJob(handler, payment)
  expect(await fixture.rows()).toEqual(['payment:evt-1', 'payment:evt-1'])
  expect(balance(fixture.shop)).toBe(8_400)
  expect(fixture.book.keys('books')).toEqual(['payment:evt-1', 'payment:evt-1'])
})
