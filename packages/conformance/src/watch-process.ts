import { breath } from './breath.ts'
import { ClauseBroken } from './case.ts'

/** What went wrong behind everybody's back while a case ran. */
export interface ProcessWatch extends Disposable {
  /** The first one as a broken clause. */
  first(): ClauseBroken | undefined
  /** Two turns of the event loop: Node tells about unhandled rejections after the one in which they happened. */
  settled(): Promise<void>
}

/** Listens for unhandled rejections and uncaught exceptions; without `watching` it sees nothing. */
export function watchProcess(watching: boolean): ProcessWatch {
  const seen: string[] = []
  const note = (what: string) => (reason: unknown) => {
    seen.push(
      `${what} while the case ran: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`,
    )
  }
  const [onRejection, onException] = [note('a rejection that nobody handled'), note('an exception that nobody caught')]
  if (watching) {
    process.on('unhandledRejection', onRejection)
    process.on('uncaughtException', onException)
  }
  return {
    first: () => (seen[0] === undefined ? undefined : new ClauseBroken(seen[0])),
    async settled() {
      if (!watching) return
      await breath()
      await breath()
    },
    [Symbol.dispose]() {
      process.off('unhandledRejection', onRejection)
      process.off('uncaughtException', onException)
    },
  }
}
