import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeEvent, EVENT_KINDS, HistoryError } from './decode-event.ts'
import type { HistoryFact } from './history-event.ts'
import { HistoryWriter } from './history-writer.ts'
import { payloadDigest } from './payload-digest.ts'
import { mergeHistory, readHistory } from './read-history.ts'

const mark: HistoryFact = { kind: 'mark', name: 'chaos' }
const folder = () => mkdtempSync(join(tmpdir(), 'switchyard-history-'))

function writer(dir: string, proc: string, epoch = 0): HistoryWriter {
  return new HistoryWriter({ dir, proc, epoch })
}

describe('history files', () => {
  it('come back as they were written, merged in time', () => {
    const dir = folder()
    const [harness, worker] = [writer(dir, 'harness'), writer(dir, 'worker-1')]
    const written = [
      harness.write(mark),
      worker.write({ kind: 'worker.stopping' }),
      harness.write({ ...mark, name: 'a"\n' }),
    ]
    harness.close()
    worker.close()
    expect(readHistory(dir)).toEqual({ events: written, torn: 0 })
  })

  it('refuse a second writer of the same incarnation, a hostile name and a late event', () => {
    const dir = folder()
    const first = writer(dir, 'worker-1')
    expect(() => writer(dir, 'worker-1')).toThrow(/EEXIST/)
    expect(() => writer(dir, '../evil')).toThrow(/is called like/)
    first.close()
    expect(() => first.write(mark)).toThrow(/came too late/)
  })

  it('tolerate a torn last line only of a process that was seen killed', () => {
    const dir = folder()
    const worker = writer(dir, 'worker-1')
    worker.write(mark)
    worker.close()
    const torn = `${readFileSync(worker.file, 'utf8')}{"kind":"mark","na`
    const harness = writer(dir, 'harness')
    expect(() => mergeHistory(new Map([['worker-1.0.ndjson', torn]]))).toThrow(/nobody saw that process killed/)
    const exit = { worker: 'worker-1', workerEpoch: 0, code: null, signal: 'SIGKILL', expected: true } as const
    harness.write({ kind: 'worker.exit', ...exit })
    harness.close()
    const files = new Map([
      ['worker-1.0.ndjson', torn],
      ['harness.0.ndjson', readFileSync(harness.file, 'utf8')],
    ])
    expect(mergeHistory(files)).toMatchObject({ torn: 1, events: { length: 2 } })
  })

  it('refuse a bad line in the middle, a gap, a foreign event and a clock that ran back, with file and line', () => {
    const line = (seq: number, atMs: number, proc = 'w') =>
      JSON.stringify({ proc, epoch: 0, seq, atMs, wallMs: 0, kind: 'mark', name: 'x' })
    const read =
      (...lines: string[]) =>
      () =>
        mergeHistory(new Map([['w.0.ndjson', `${lines.join('\n')}\n`]]))
    expect(read(line(0, 1), '{"kind":', line(1, 2))).toThrow(/w\.0\.ndjson:2: not JSON/)
    expect(read(line(0, 1), line(2, 2))).toThrow(/w\.0\.ndjson:2: sequence 2 after a gap/)
    expect(read(line(0, 1), line(1, 2, 'v'))).toThrow(/w\.0\.ndjson:2: written by v/)
    expect(read(line(0, 5), line(1, 2))).toThrow(/w\.0\.ndjson:2: the monotonic clock ran back/)
    expect(read(line(0, 5), line(1, 5))).not.toThrow()
  })

  it('refuse unknown kinds and unknown, missing and mistyped fields by name', () => {
    const stamp = { proc: 'w', epoch: 0, seq: 0, atMs: 1, wallMs: 1 }
    const decode = (fact: object) => () => decodeEvent(JSON.stringify({ ...stamp, ...fact }))
    expect(decode({ kind: 'toString' })).toThrow(/unknown event kind "toString"/)
    expect(decode({ kind: 'mark' })).toThrow(/mark: field "name" is missing/)
    expect(decode({ kind: 'mark', name: 1 })).toThrow(/mark: field "name" cannot be "1"/)
    expect(decode({ kind: 'mark', name: 'x', extra: 1 })).toThrow(/mark: field "extra" is not known/)
    expect(EVENT_KINDS).toContain('handler.start')
  })

  it('never take arbitrary JSON for an event, and fail only with HistoryError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        expect(() => decodeEvent(line)).toThrow(HistoryError)
      }),
    )
  })
})

describe('payloadDigest', () => {
  it('does not depend on the order of keys, and does on everything else', () => {
    expect(payloadDigest({ a: 1, b: { c: [1, 2], d: null } })).toBe(payloadDigest({ b: { d: null, c: [1, 2] }, a: 1 }))
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const same = payloadDigest(a) === payloadDigest(b)
        expect(same).toBe(payloadDigest(JSON.parse(JSON.stringify(a))) === payloadDigest(b))
        expect(payloadDigest({ wrapped: a }) === payloadDigest({ wrapped: b })).toBe(same)
      }),
    )
    expect(payloadDigest([1, 2])).not.toBe(payloadDigest([2, 1]))
    expect(payloadDigest(JSON.parse('{"__proto__":1}'))).not.toBe(payloadDigest({}))
  })
})
