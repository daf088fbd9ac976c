import { expect, it } from 'vitest'
import { maskSecrets } from './mask-secrets.ts'

it('masks the password of every address in a text and nothing else', () => {
  expect(maskSecrets('a postgres://u:p%40ss@h:1/db, redis://:only@h and amqp://u@h')).toBe(
    'a postgres://u:***@h:1/db, redis://:***@h and amqp://u@h',
  )
})
