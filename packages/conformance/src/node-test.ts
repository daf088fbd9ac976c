import { after, before, describe, test } from 'node:test'
import { cases } from './cases/index.ts'
import type { Session } from './session.ts'
import { openSession } from './session.ts'
import { SKIPPED } from './skipped.ts'

/** Our own runner has the deadlines; this is only a net above them. */
const NET_MS = 240_000

/**
 * Runs every case as a test of `node --test` against the subject that the module exports:
 * `describeConformance(new URL('./subject.ts', import.meta.url))`. Needs no other package.
 */
export function describeConformance(subjectModule: URL): void {
  describe(`conformance of ${subjectModule.pathname.split('/').slice(-3).join('/')}`, () => {
    let session: Session | undefined
    before(
      async () => {
        session = await openSession(subjectModule.href, { watchProcess: true })
      },
      { timeout: NET_MS },
    )
    after(async () => session?.[Symbol.asyncDispose](), { timeout: NET_MS })
    for (const one of cases)
      void test(`${one.id} ${one.title}`, { timeout: NET_MS }, async (context) => {
        if (session === undefined) throw new Error('the broker under test did not start')
        const { status, why } = await session.run(one)
        if (status === 'passed') return
        if (!SKIPPED.has(status)) throw new Error(`${one.id} ${status}: ${why}`)
        context.skip(`${status}: ${why}`)
      })
  })
}
