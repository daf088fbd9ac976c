import { cases, sessionOf } from '@switchyard/conformance'
import type { CapabilityValues } from '@switchyard/memory'
import { describe, expect, test } from 'vitest'
import { subjectWith } from './subject.ts'

/** Manifests shaped like the real brokers, and each capability at its weakest: memory must keep whatever it is told to declare. */
const IMITATIONS: Readonly<Record<string, Partial<CapabilityValues>>> = {
  'like RabbitMQ': {
    lease: 'connection',
    note: 'composed',
    retry: 'composed',
    release: 'composed',
    move: 'composed',
    lapses: 'over',
    maxDelayMs: 900_000,
    ordering: 'queue',
    dedupe: 'none',
    reportsDuplicates: false,
    unique: [],
    browse: false,
    purge: 'ready',
  },
  'like SQS': {
    minLeaseMs: 100,
    maxLeaseMs: 43_200_000,
    fenced: false,
    note: 'composed',
    move: 'composed',
    lapses: 'none',
    maxDelayMs: 900_000,
    maxReleaseDelayMs: 43_200_000,
    delayGrainMs: 100,
    ordering: 'none',
    dedupe: 'none',
    reportsDuplicates: false,
    unique: [],
    browse: false,
    exclusive: false,
    maxBodyBytes: 262_144,
    sendBatch: 10,
    retentionMs: 1_209_600_000,
  },
  'without notes and delays': { note: 'unsupported', maxDelayMs: 0, maxReleaseDelayMs: 0, dedupe: 'while-queued' },
  'dedupe that does not tell': { dedupe: 'window', reportsDuplicates: false, ordering: 'queue', dueClock: 'client' },
  'late lapses, connection leases': { maxLapseLateMs: 250, minLeaseMs: 50, delayGrainMs: 50 },
}

describe.concurrent('memory keeps every manifest that it is told to imitate', () => {
  for (const [name, capabilities] of Object.entries(IMITATIONS))
    test(name, { timeout: 120_000 }, async () => {
      await using session = await sessionOf(subjectWith(capabilities), import.meta.url)
      const bad: string[] = []
      for (const one of cases) {
        const { status, why } = await session.run(one)
        if (status === 'failed' || status === 'unverified') bad.push(`${one.id} ${status}: ${why}`)
      }
      expect(bad).toEqual([])
    })
})
