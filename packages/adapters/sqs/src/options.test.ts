import { inspect } from 'node:util'
import type { BrokerError } from '@switchyard/core/adapter'
import { expect, test } from 'vitest'
import { optionsFromUrl, settingsOf } from './options.ts'

const settings = (url: string) => settingsOf(optionsFromUrl(url))

test('reads every part of the URL', () => {
  const url = 'sqs://eu-central-1?endpoint=http%3A%2F%2F127.0.0.1%3A4566&prefix=staging-&fifo=true&pollMs=5000'
  expect(settings(url)).toEqual({
    region: 'eu-central-1',
    endpoint: 'http://127.0.0.1:4566',
    credentials: undefined,
    prefix: 'staging-',
    fifo: true,
    pollMs: 5_000,
  })
})

test('what is left out is left to the AWS chain, or has its default', () => {
  expect(settings('sqs://')).toEqual({
    region: undefined,
    endpoint: undefined,
    credentials: undefined,
    prefix: '',
    fifo: false,
    pollMs: 2_000,
  })
})

test.each([
  'not a url secret',
  'https://eu-central-1',
  'sqs://AKIA:secret@eu-central-1',
  'sqs://eu-central-1:4566',
  'sqs://eu-central-1/secret',
  'sqs://eu-central-1?endpont=http://h',
  'sqs://eu-central-1?endpoint=127.0.0.1:4566',
  'sqs://eu-central-1?endpoint=http://u:secret@h',
  'sqs://eu-central-1?prefix=a.b',
  'sqs://eu-central-1?fifo=yes',
  'sqs://eu-central-1?pollMs=1500',
  'sqs://eu-central-1?pollMs=20000',
])('%s is refused as invalid, without what may be secret', (url) => {
  let thrown: unknown
  try {
    settings(url)
  } catch (error) {
    thrown = error
  }
  expect((thrown as BrokerError).code).toBe('invalid')
  expect(inspect(thrown, { depth: 9, showHidden: true }).replace(/ {4}at .*/g, '')).not.toMatch(/secret|AKIA/)
})

test('an unknown option is refused by name', () => {
  expect(() => settingsOf({ regoin: 'eu-central-1' } as never)).toThrow(/"regoin".*region/)
})
