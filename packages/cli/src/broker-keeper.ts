import { rmSync, writeFileSync } from 'node:fs'
import { type BrokerKind, startBroker } from '@switchyard/brokers'

/**
 * The process behind `switchyard broker up`: holds one private broker until it is told to end. It writes what others need to
 * know into its own file, and its own guard ends the broker whatever happens to this process.
 */
const [kind, file] = process.argv.slice(2) as [BrokerKind, string]
try {
  const broker = await startBroker(kind, { log: (line) => process.send?.({ line }) })
  const stop = async () => {
    await broker.stop()
    rmSync(file, { force: true })
    process.exit(0)
  }
  process.on('SIGTERM', () => void stop())
  process.on('SIGINT', () => void stop())
  const state = { kind, pid: process.pid, url: broker.url, version: broker.version, rung: broker.rung }
  // The URL carries a password: for this user only.
  writeFileSync(file, JSON.stringify(state), { mode: 0o600 })
  process.send?.({ state })
  process.disconnect?.()
  // Nothing else keeps this process: the broker runs in processes of its own.
  setInterval(() => {}, 2_147_483_647)
} catch (error) {
  process.send?.({ failed: error instanceof Error ? error.message : String(error) }, () => process.exit(3))
}
