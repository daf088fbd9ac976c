/** better-sqlite3 ships no types; plainjob wants just the instance. */
declare module 'better-sqlite3' {
  export class Database {
    constructor(file: string)
  }
  // biome-ignore lint/style/noDefaultExport: that is how better-sqlite3 exports it
  export default Database
}
