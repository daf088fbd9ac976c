/** Switchyard on Postgres, through pg-boss. */
export { fromDrizzle, fromKnex, fromKysely, fromPrisma } from 'pg-boss'
export type { PostgresTx } from './context.ts'
export type { PostgresOptions } from './options.ts'
export { adapterFromUrl, postgres } from './postgres.ts'
