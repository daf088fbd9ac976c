import type { BrokerErrorCode } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { alive } from '../alive.ts'
import type { Bench } from '../bench.ts'
import type { Case } from '../case.ts'
import { check } from '../check.ts'
import { limited } from '../limited.ts'
import type { Json } from '../subject.ts'

/** What core grants to the first connect (seam, `connectDeadlineMs`), and what a busy machine may add. */
const OPEN_MS = 15_000

/** A35. */
export const unreachable: Case = {
  id: 'A35',
  title: 'a broker that cannot be reached fails the opening in time, typed, and without a secret in the text',
  run: (bench) => failsToOpen(bench, bench.hook('unreachable')(), ['unavailable', 'timeout']),
}

/** A36. */
export const forbidden: Case = {
  id: 'A36',
  title: 'refused credentials fail the opening as forbidden, without a secret in the text',
  run: (bench) => failsToOpen(bench, bench.hook('forbidden')(), ['forbidden']),
}

async function failsToOpen(bench: Bench, options: Json, codes: readonly BrokerErrorCode[]): Promise<void> {
  await alive(bench)
  const opening = bench.openWith(options).then(
    () => null,
    (error: unknown) => error,
  )
  const error = await limited(opening, OPEN_MS, `opening did not end within ${OPEN_MS} ms; connectDeadlineMs is 10000`)
  check(error !== null, 'opening succeeded with options that must fail')
  check(error instanceof BrokerError, `opening rejected with ${String(error)} instead of a BrokerError`)
  check(codes.includes(error.code), `expected code ${codes.join(' or ')}, saw ${error.code} (${error.message})`)
  for (const secret of bench.target.secrets ?? [])
    check(
      !`${error.message}${error.stack}`.includes(secret),
      `the text of the error contains the secret ${secret.slice(0, 2)}…`,
    )
}
