import type { BrokerKind } from '@switchyard/brokers'
import { switchyard } from './contender-switchyard.ts'
import { RIVALS } from './contenders.ts'

/** A worker whose one job never ends, to be killed: tells its parent when the job has started. */
const [kind, name, place, queue, leaseMs] = process.argv.slice(2) as [BrokerKind, string, string, string, string]
const contender = [switchyard, ...RIVALS[kind]].find((one) => one.name === name)
if (contender === undefined || process.send === undefined) throw new Error('started by recovery.ts only')
const server = { kind, version: '', place: async () => place, clear: async () => {}, commands: async () => null }
const opened = await contender.open({ ...server, stop: async () => {} }, { queue, leaseMs: Number(leaseMs) })
await opened.work({ concurrency: 1, hang: true, started: () => process.send?.('started'), settled: () => {} })
process.once('disconnect', () => process.exit())
