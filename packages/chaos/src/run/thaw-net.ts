import { spawn } from 'node:child_process'

/** So much later than the planned thaw does the net wake a worker that nobody else has woken. */
const LATE_MS = 3_000

/**
 * A frozen process cannot notice that the harness is gone. This net, a process of its own, wakes it after `afterMs` and a bit; it
 * then finds its line to the harness cut and ends. Returns what takes the net away. SIGCONT does nothing to a running process.
 */
export function thawNet(pid: number, afterMs: number): () => void {
  const sleepS = ((afterMs + LATE_MS) / 1_000).toFixed(3)
  const net = spawn('/bin/sh', ['-c', `sleep ${sleepS}; kill -CONT ${pid}`], { detached: true, stdio: 'ignore' })
  // Without it the harness's own timer still thaws; only its sudden end would not be covered.
  net.on('error', () => {})
  net.unref()
  return () => {
    if (net.pid === undefined || net.exitCode !== null) return
    try {
      // Its group: the shell and its sleep.
      process.kill(-net.pid, 'SIGKILL')
    } catch {
      // It has just ended by itself.
    }
  }
}
