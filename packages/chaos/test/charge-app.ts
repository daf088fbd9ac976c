import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosApp } from '@switchyard/chaos'
import { defineJob, fixed, handle } from '@switchyard/core'
import { z } from 'zod'

const charge = defineJob({
  name: 'charge',
  queue: 'payments',
  payload: z.object({ order: z.number().int(), flaky: z.boolean() }),
  key: (payload) => `charge:${payload.order}`,
  retry: { maxAttempts: 4, backoff: fixed({ delayMs: 50 }) },
})

/** Charges through the ledger: with the job's key as its token (careful), or without one (naive). */
export const chaosApp: ChaosApp = {
  title: 'Charges under chaos',
  jobs: [charge],
  workload: ({ jobs }) =>
    Array.from({ length: jobs }, (_item, order) => ({
      job: charge,
      payload: { order, flaky: order % 10 === 3 },
      effects: [{ sink: 'ledger', key: `charge:${order}` }],
    })),
  handlers: ({ variant, ledgerUrl }) => {
    if (variant !== 'careful' && variant !== 'naive') throw new Error(`no such variant: ${variant}`)
    const run = handle(charge, async ({ order, flaky }, { job, attempt }) => {
      await sleep(5 + (order % 7) * 3)
      if (flaky && attempt === 1) throw new Error('the first try of every tenth order fails')
      const token = variant === 'naive' ? null : job.key
      const body = JSON.stringify({ key: `charge:${order}`, token, job: job.id, pid: process.pid })
      const response = await fetch(`${ledgerUrl}/effects`, { method: 'POST', body })
      if (!response.ok) throw new Error(`the ledger answered ${response.status}`)
    })
    return [run]
  },
}
