import { describe, expect, it } from 'vitest'
import { JobTally } from './job-tally.ts'

const told = (job: string, settle: string, result = 'settled', delayMs = 0) => ({ job, settle, result, delayMs })

describe('JobTally', () => {
  it('waits a moment when all is done, and longer for what may still come', () => {
    const tally = new JobTally()
    for (const job of ['a', 'b', 'c']) tally.accepted(job)
    expect(tally.restAt(1_000)).toBe(16_000)
    tally.settled(told('a', 'complete'), 0)
    tally.settled(told('b', 'move'), 0)
    tally.settled(told('c', 'complete', 'unknown'), 0)
    expect(tally.done).toBe(2)
    expect(tally.restAt(1_000)).toBe(6_000)
    tally.settled(told('c', 'complete'), 0)
    expect(tally.restAt(1_000)).toBe(3_000)
  })

  it('counts from the moment at which a job that was put back is due, until it has started', () => {
    const tally = new JobTally()
    tally.accepted('a')
    tally.settled(told('a', 'retry', 'settled', 20_000), 500)
    expect(tally.restAt(1_000)).toBe(35_500)
    tally.started('a')
    expect(tally.restAt(1_000)).toBe(16_000)
  })

  it('takes a job for unsure whose process died before its settlement was answered, until somebody starts it again', () => {
    const tally = new JobTally()
    tally.accepted('a')
    tally.orphaned(['a'])
    expect(tally.restAt(0)).toBe(5_000)
    tally.started('a')
    expect(tally.restAt(0)).toBe(15_000)
  })

  it('counts an enqueue whose outcome is unknown, and waits for nothing of it', () => {
    const tally = new JobTally()
    tally.accepted(null)
    expect(tally.enqueued).toBe(1)
    expect(tally.restAt(0)).toBe(2_000)
  })
})
