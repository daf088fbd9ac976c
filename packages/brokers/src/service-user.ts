import { readFileSync } from 'node:fs'

/** Whom a server runs as; empty: as ourselves. */
export interface ServiceUser {
  readonly uid?: number
  readonly gid?: number
}

/**
 * Root does not run servers: answers the first of the wanted users that exists (then `nobody`). Postgres refuses root outright, and for
 * the others a full disk or a read-only folder cannot be tested as root.
 */
export function serviceUser(...wanted: readonly string[]): ServiceUser {
  if (process.getuid?.() !== 0) return {}
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of [...wanted, 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':')
    if (fields?.[2] !== undefined && fields[3] !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  throw new Error(`found no user to run a server as: none of ${[...wanted, 'nobody'].join(', ')} exists`)
}
