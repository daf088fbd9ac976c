import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { ConfigError } from '../errors.ts'
import { defineJob, type JobDefinition } from './define-job.ts'
import { exponential, fixed } from './retry-policy.ts'

const payload = z.object({ at: z.coerce.date(), n: z.number().default(1) })
const base = { name: 'j', queue: 'q', payload }

describe('defineJob', () => {
  it('types input and output of the schema apart', () => {
    const job = defineJob({ ...base, key: (p) => p.at.toISOString() })
    type In = typeof job extends JobDefinition<infer Input, infer _Output> ? Input : never
    type Out = typeof job extends JobDefinition<infer _Input, infer Output> ? Output : never
    expectTypeOf<Out>().toEqualTypeOf<{ at: Date; n: number }>()
    expectTypeOf<In>().toEqualTypeOf<z.input<typeof payload>>()
  })

  it('fills in every default of the table', () => {
    expect(defineJob(base)).toMatchObject({
      payloadVersion: 1,
      timeoutMs: 300_000,
      priority: 'normal',
      retry: {
        maxAttempts: 5,
        maxLapses: 5,
        maxReleases: 5,
        onAmbiguous: 'retry',
        backoff: { kind: 'exponential', baseMs: 1_000, maxMs: 300_000, jitter: 'full' },
      },
    })
  })

  it.each<[string, Record<string, unknown>]>([
    ['name', { name: '' }],
    ['name', { name: 'has space' }],
    ['name', { name: '../../etc/passwd' }],
    ['queue', { queue: 'Upper' }],
    ['queue', { queue: 'a.dead' }],
    ['queue', { queue: 'x'.repeat(61) }],
    ['payload', { payload: {} }],
    ['payloadVersion', { payloadVersion: 0 }],
    ['upcast', { payloadVersion: 2 }],
    ['upcast', { upcast: { 1: () => 1 } }],
    ['key', { key: 'text' }],
    ['unique', { unique: { while: 'forever' }, key: () => 'k' }],
    ['unique', { unique: { while: 'queued' } }],
    ['timeoutMs', { timeoutMs: 0 }],
    ['priority', { priority: 'urgent' }],
    ['onDead', { onDead: {} }],
    ['retry.maxAttempts', { retry: { maxAttempts: 0 } }],
    ['retry.maxAttempts', { retry: { maxAttempts: 1.5 } }],
    ['retry.backoff.maxMs', { retry: { backoff: exponential({ baseMs: 10, maxMs: 5 }) } }],
    ['retry.backoff.delayMs', { retry: { backoff: fixed({ delayMs: -1 }) } }],
    ['retry.giveUpAfterMs', { retry: { giveUpAfterMs: Number.NaN } }],
    ['retry.tries', { retry: { tries: 3 } }],
    ['retires', { retires: 3 }],
  ])('refuses a wrong %s and names it', (option, wrong) => {
    const attempt = () => defineJob({ ...base, ...wrong } as never)
    expect(attempt).toThrow(ConfigError)
    try {
      attempt()
    } catch (error) {
      expect((error as ConfigError).option).toBe(option)
      expect((error as ConfigError).message).toContain(option)
    }
  })
})
