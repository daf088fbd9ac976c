import type { CrashPoint } from '../plan/plan.ts'
import type { ChildMessage, HarnessMessage } from './control-messages.ts'

/** A child's end of the line to the harness. */
export interface ControlChannel {
  tell(message: Exclude<ChildMessage, { t: 'at' }>): void
  /** Reports a crash point and waits until the harness lets it pass. `onLapse` is called when renewals are to be lost meanwhile. */
  pass(at: {
    readonly point: CrashPoint
    readonly job: string
    readonly execution: string
    onLapse(): void
  }): Promise<void>
  /** Resolves when at least so many jobs of the run are done. */
  done(least: number): Promise<void>
  close(): void
}

/**
 * Over Node's IPC. When the harness is gone the child has no business any more and ends at once, as if killed:
 * nobody is left to judge what it would do.
 */
export function controlChannel(): ControlChannel {
  const line = controlLine((message) => {
    if (process.connected) process.send?.(message)
  })
  const onDisconnect = (): void => process.exit(1)
  process.on('message', line.hear)
  process.on('disconnect', onDisconnect)
  return {
    ...line.channel,
    close() {
      process.off('disconnect', onDisconnect)
      process.off('message', line.hear)
      if (process.connected) process.disconnect()
    },
  }
}

/** One end of any line to the harness: `hear` is given what the harness sends. */
export function controlLine(send: (message: ChildMessage) => void): {
  readonly channel: Omit<ControlChannel, 'close'>
  hear(message: HarnessMessage): void
} {
  const waiting = new Map<number, { readonly go: () => void; readonly onLapse: () => void }>()
  let asked = 0
  let done = 0
  const patient: { readonly least: number; readonly go: () => void }[] = []
  const hear = (message: HarnessMessage): void => {
    if (message.t === 'done') {
      done = Math.max(done, message.done)
      for (const one of patient.splice(0)) {
        if (one.least <= done) one.go()
        else patient.push(one)
      }
      return
    }
    const open = waiting.get(message.ask)
    if (message.t === 'lapse') open?.onLapse()
    else {
      waiting.delete(message.ask)
      open?.go()
    }
  }
  const channel: Omit<ControlChannel, 'close'> = {
    tell: send,
    pass({ point, job, execution, onLapse }) {
      asked += 1
      const ask = asked
      return new Promise((go) => {
        waiting.set(ask, { go, onLapse })
        send({ t: 'at', ask, point, job, execution })
      })
    },
    done: (least) => (least <= done ? Promise.resolve() : new Promise((go) => patient.push({ least, go }))),
  }
  return { channel, hear }
}
