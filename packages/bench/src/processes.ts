import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Rate at which `processes` workers on one broker empty `count` waiting jobs together, from the first start to the last settlement. */
export async function sharedRate(broker: string, processes: number, count: number): Promise<number> {
  const entry = fileURLToPath(new URL('./worker-process.ts', import.meta.url))
  const children = Array.from({ length: processes }, () => fork(entry, [broker]))
  try {
    await Promise.all(children.map((child) => message(child, 'ready')))
    const startedAt = performance.now()
    let left = count
    const { promise, resolve } = Promise.withResolvers<void>()
    for (const child of children) {
      child.on('message', (settled) => {
        if (typeof settled !== 'number') return
        left -= settled
        if (left <= 0) resolve()
      })
      child.send('go')
    }
    await promise
    return (count / (performance.now() - startedAt)) * 1_000
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

function message(child: ChildProcess, wanted: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`a bench worker ended with ${code}`)))
    child.on('message', (text) => {
      if (text === wanted) resolve()
    })
  })
}
