import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { findRabbit } from './rabbitmq-server.ts'
import type { RunningBroker } from './running-broker.ts'
import { serviceUser } from './service-user.ts'

const DEADLINE_MS = 30_000

/**
 * Runs `rabbitmqctl` against a RabbitMQ that we started and answers what it printed: alarms, closing of connections, reading of counts. A call takes
 * about a second (a virtual machine starts). Rejects with the command's own text, and for a broker that is not a process of ours.
 */
export async function rabbitControl(broker: RunningBroker, args: readonly string[]): Promise<string> {
  const script = findRabbit()
  if (broker.kind !== 'rabbitmq' || broker.dataDir === undefined || script === undefined) {
    throw new Error(
      `rabbitmqctl needs a RabbitMQ started from this machine's programs, not ${broker.kind} by ${broker.rung}`,
    )
  }
  const env = JSON.parse(await readFile(join(broker.dataDir, 'node-env.json'), 'utf8')) as Record<string, string>
  const options = { env, cwd: broker.dataDir, timeout: DEADLINE_MS, ...serviceUser('rabbitmq') }
  return new Promise((resolve, reject) => {
    execFile(join(dirname(script), 'rabbitmqctl'), ['-q', ...args], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`rabbitmqctl ${args[0] ?? ''}: ${stderr.trim() || stdout.trim() || error.message}`))
    })
  })
}
