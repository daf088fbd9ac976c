/*
 * Starts and stops each kind of broker once, before any test does: an install by apt-get happens here, in the open and
 * without a test's deadline, and the log says which server of which version the tests will run on.
 * Without one: exit code 1 under CI, otherwise a line with the command that brings it, and the tests skip by name.
 */
import { BROKER_KINDS, type BrokerKind, BrokerUnavailable, brokerOrSkip } from '../packages/brokers/src/index.ts'

for (const kind of BROKER_KINDS) await provision(kind)

async function provision(kind: BrokerKind): Promise<void> {
  const startedAt = Date.now()
  try {
    const { broker, skip } = await brokerOrSkip(kind)
    if (broker === undefined) {
      console.log(`${kind}: ${skip}`)
      return
    }
    console.log(`${kind} ${broker.version} (${broker.rung}) answered after ${Date.now() - startedAt} ms`)
    await broker.stop()
  } catch (error) {
    if (!(error instanceof BrokerUnavailable)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
