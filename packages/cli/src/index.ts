/** The `switchyard` command as a function, for scripts and tests. */
export { EXIT, type ExitCode } from './exit-code.ts'
export { main } from './main.ts'
export type { Terminal } from './terminal.ts'
