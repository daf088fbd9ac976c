/** A program that the guard starts. Everything is explicit: nothing of the guard's environment is passed on. */
export interface ProgramSpec {
  /** Name within the instance: `server` or a helper such as `epmd`. */
  readonly name: string
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** Collects stdout and stderr. */
  readonly logFile: string
  readonly uid?: number
  readonly gid?: number
}

/** What the parent asks of the guard. `run` waits for the program's end; `start` only for its birth. */
export type GuardCall =
  | { readonly op: 'start'; readonly program: ProgramSpec }
  | { readonly op: 'run'; readonly program: ProgramSpec; readonly deadlineMs: number }
  | { readonly op: 'kill' | 'pause' | 'resume'; readonly name: string }
  | { readonly op: 'end'; readonly name: string; readonly signal: NodeJS.Signals; readonly graceMs: number }
  | { readonly op: 'close' }

/** A call on the wire. */
export interface GuardRequest {
  readonly id: number
  readonly call: GuardCall
}

/** An answer, or (without id) the news that a started program ended. */
export type GuardReply =
  | { readonly id: number; readonly error?: string }
  | { readonly ended: string; readonly how: string }
