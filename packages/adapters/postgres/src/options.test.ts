import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import type { BrokerError } from '@switchyard/core/adapter'
import { expect, test } from 'vitest'
import { settingsOf } from './options.ts'

const settings = (url: string) => settingsOf({ url }, '/')
const connection = (url: string) => settings(url).connection

test('reads every part of the URL, decoded', () => {
  expect(
    settings('postgresql://u%40x:p%2Fw@db.example:6543/jobs?schema=sy&connections=3&monitorIntervalMs=2000&pollMs=50'),
  ).toEqual({
    connection: {
      host: 'db.example',
      port: 6543,
      user: 'u@x',
      password: 'p/w',
      database: 'jobs',
      application_name: 'switchyard',
    },
    schema: 'sy',
    connections: 3,
    monitorIntervalMs: 2_000,
    pollMs: 50,
  })
  expect(connection('postgres://u@[::1]/d').host).toBe('::1')
  expect(settings('postgres://h/d')).toMatchObject({
    schema: 'switchyard',
    connections: 8,
    monitorIntervalMs: 5_000,
    pollMs: 500,
  })
})

test('sslmode means what libpq means, and what would fall back to plain text is refused', () => {
  expect(connection('postgres://h/d').ssl).toBeUndefined()
  expect(connection('postgres://h/d?sslmode=disable').ssl).toBe(false)
  expect(connection('postgres://h/d?sslmode=require').ssl).toEqual({ rejectUnauthorized: false })
  expect(connection('postgres://h/d?sslmode=verify-ca').ssl).toMatchObject({
    rejectUnauthorized: true,
    checkServerIdentity: expect.any(Function),
  })
  expect(connection('postgres://h/d?sslmode=verify-full').ssl).toEqual({ rejectUnauthorized: true })
  for (const mode of ['prefer', 'allow', 'on'])
    expect(() => settings(`postgres://h/d?sslmode=${mode}`)).toThrow(/verify-full/)
})

test('certificate paths start at the base folder', () => {
  const base = mkdtempSync(join(tmpdir(), 'switchyard-ca-'))
  writeFileSync(join(base, 'ca.pem'), 'CA')
  const { connection: found } = settingsOf({ url: 'postgres://h/d?sslmode=verify-full&sslrootcert=ca.pem' }, base)
  expect(found.ssl).toEqual({ ca: 'CA', rejectUnauthorized: true })
  expect(() => settingsOf({ url: 'postgres://h/d?sslrootcert=no.pem' }, base)).toThrow(/no\.pem/)
  rmSync(base, { recursive: true })
})

test.each([
  'not a url secret',
  'postgres://u:secret@h:notaport/d',
  'mysql://u:secret@h/d',
  'postgres://u:secret@h/d?sslmod=require',
  'postgres://u:secret@h/d?schema=Bad%20Name',
  'postgres://u:secret@h/d?connections=1',
  'postgres://u:secret@h/d?monitorIntervalMs=1500',
  'postgres://u:secret@h/d?pollMs=x',
  'postgres://u:sec%ret@h/d',
])('%s is refused as invalid, without its password', (url) => {
  let thrown: unknown
  try {
    settings(url)
  } catch (error) {
    thrown = error
  }
  expect((thrown as BrokerError).code).toBe('invalid')
  expect(inspect(thrown, { depth: 9, showHidden: true }).replace(/ {4}at .*/g, '')).not.toMatch(/secret|sec%ret/)
})

test('an unknown option is refused by name', () => {
  expect(() => settingsOf({ url: 'postgres://h/d', shema: 'x' } as never, '/')).toThrow(/"shema".*schema/)
})
