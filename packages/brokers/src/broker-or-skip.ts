import { BrokerUnavailable } from './broker-unavailable.ts'
import type { BrokerKind, RunningBroker } from './running-broker.ts'
import { startBroker } from './start-broker.ts'

/** Either a broker, or the reason (with the exact command) to show as the name of the skipped tests. */
export type BrokerOrSkip =
  | { readonly broker: RunningBroker; readonly skip: undefined }
  | { readonly broker: undefined; readonly skip: string }

/**
 * For test files: `const { broker, skip } = await brokerOrSkip('redis')`, then `describe.skipIf(skip !== undefined)`. Without a broker it
 * throws under `CI`; elsewhere it says so on stderr and answers the reason. A broker that is there but does not start always throws.
 */
export async function brokerOrSkip(kind: BrokerKind): Promise<BrokerOrSkip> {
  try {
    return { broker: await startBroker(kind), skip: undefined }
  } catch (error) {
    const skip = skipOrThrow(error)
    return { broker: undefined, skip }
  }
}

/** The reason to skip, said on stderr too; throws the error where skipping would hide something. */
export function skipOrThrow(error: unknown): string {
  const ci = process.env.CI !== undefined && process.env.CI !== '' && process.env.CI !== 'false'
  if (!(error instanceof BrokerUnavailable) || error.broken || ci) throw error
  const skip = `not run: no ${error.kind} broker. Run: ${error.fix}`
  process.stderr.write(`switchyard: ${skip}\n${error.message}\n`)
  return skip
}
