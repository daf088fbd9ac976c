import { HistoryWriter } from '@switchyard/conformance/history'
import { connect } from '@switchyard/core'
import { brokerOfApp } from '../app/broker-of-app.ts'
import { loadChaosApp } from '../app/chaos-app.ts'
import { type ControlChannel, controlChannel } from './control-channel.ts'
import { type ChildOrders, ORDERS_ENV } from './control-messages.ts'
import { patiently } from './patiently.ts'
import { runProducerProcess } from './run-producer-process.ts'
import { runWorkerProcess } from './run-worker-process.ts'
import { scaledQueues } from './scaled-queues.ts'

/** Entry of every child process of a run; started by the harness with its orders in the environment, never by people. */
async function main(orders: ChildOrders, control: ControlChannel): Promise<void> {
  const { dir, proc, epoch, concurrency, stopGraceMs, abortGraceMs } = orders
  const history = new HistoryWriter({ dir, proc, epoch })
  const app = await loadChaosApp(orders.app)
  const factory = await brokerOfApp(orders.broker, orders.app)
  const queues = scaledQueues(app, orders.leaseMs)
  if (orders.role === 'producer') {
    await using yard = await patiently(() => connect({ broker: factory, jobs: app.jobs, queues }))
    const items = app.workload({ seed: orders.seed, jobs: orders.jobs })
    await runProducerProcess({ history, control, yard, items, concurrency: 4, window: orders.window })
    control.close()
    return
  }
  const asked = new Promise<void>((resolve) => process.once('SIGTERM', () => resolve()))
  const handlers = await app.handlers({ variant: orders.variant, ledgerUrl: orders.ledgerUrl })
  await runWorkerProcess({
    history,
    control,
    factory,
    connect: (recorded) => connect({ broker: recorded, jobs: app.jobs, queues }),
    handlers,
    queues: app.queues ?? {},
    concurrency,
    stopGraceMs,
    abortGraceMs,
    asked,
  })
  // A handler that ignores its signal would keep the process alive for ever.
  process.exit(0)
}

const orders = JSON.parse(process.env[ORDERS_ENV] ?? 'null') as ChildOrders | null
if (orders === null) {
  process.stderr.write('This module is started by the chaos harness, not by hand.\n')
  process.exitCode = 64
} else {
  const control = controlChannel()
  main(orders, control).catch((error: unknown) => {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    process.stderr.write(`${message}\n`)
    process.exit(70)
  })
}
