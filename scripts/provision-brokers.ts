/*
 * Starts and stops each named broker once, before any test does: an install by apt-get happens here, in the open and
 * without a test's deadline, and the log says which server of which version the tests will run on.
 * Without one: exit code 1 under CI, otherwise a line with the command that brings it, and the tests skip by name.
 */
import { BROKER_KINDS, type BrokerKind, brokerOrSkip } from '../packages/brokers/src/index.ts'

for (const word of process.argv.slice(2)) {
  const kind = BROKER_KINDS.find((known) => known === word)
  if (kind === undefined) throw new Error(`Unknown broker "${word}". There are: ${BROKER_KINDS.join(', ')}.`)
  await provision(kind)
}

async function provision(kind: BrokerKind): Promise<void> {
  const startedAt = Date.now()
  const { broker, skip } = await brokerOrSkip(kind)
  if (broker === undefined) {
    console.log(`${kind}: ${skip}`)
    return
  }
  console.log(`${kind} ${broker.version} (${broker.rung}) answered after ${Date.now() - startedAt} ms`)
  await broker.stop()
}
