/** Switchyard on SQLite: a durable broker in one file. */
export { adapterFromUrl } from './adapter-from-url.ts'
export type { SqliteOptions } from './sqlite.ts'
export { sqlite } from './sqlite.ts'
export { SQLITE_CAPABILITIES } from './sqlite-capabilities.ts'
