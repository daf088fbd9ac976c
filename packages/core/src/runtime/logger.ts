/** Facts beside a log message; values must survive JSON. */
export type LogFields = Readonly<Record<string, unknown>>

/** What Switchyard needs of a logger; pino, console-like objects and our own JSON lines all fit. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** Discards everything: the default, since a library that prints unasked is a nuisance. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** One JSON object per line: `{"level":"info","time":…,"msg":…,…fields}`; `write` receives the line with its newline. */
export function jsonLogger(write: (line: string) => void, now: () => number): Logger {
  const at = (level: string) => (fields: LogFields, msg: string) =>
    write(`${JSON.stringify({ level, time: new Date(now()).toISOString(), msg, ...fields })}\n`)
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
