import { glob, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const DEADLINE_MS = 10_000

/**
 * Waits until each quorum queue's folder below RabbitMQ's data is in the register of names beside it. Up to ra 2.10 that file is saved half a
 * second after its last change (`auto_save`), and not at all when the server is killed before: the queue then comes back under a second name
 * and never finds a leader (measured on 3.10.8: killed at once, never usable; 1.5 s later, always; rabbitmq/ra#443).
 */
export async function quorumQueuesOnDisk(mnesiaBase: string): Promise<void> {
  for (const deadline = performance.now() + DEADLINE_MS; ; await sleep(50)) {
    const missing = await unregistered(mnesiaBase)
    if (missing.length === 0) return
    if (performance.now() > deadline) {
      throw new Error(`RabbitMQ has not registered ${missing.join(', ')} on disk after ${DEADLINE_MS} ms`)
    }
  }
}

async function unregistered(mnesiaBase: string): Promise<readonly string[]> {
  const missing: string[] = []
  for await (const register of glob(join(mnesiaBase, '*', 'quorum', '*', 'names.dets'))) {
    const names = await readFile(register, 'latin1')
    for await (const queue of glob(join(dirname(register), '*', 'config'))) {
      const uid = basename(dirname(queue))
      if (!names.includes(uid)) missing.push(uid)
    }
  }
  return missing
}
