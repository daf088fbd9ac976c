import type { BrokerKind } from '@switchyard/brokers'
import type { ContenderKind } from './contender.ts'
import { amqplibBare, amqplibEqual } from './contender-amqplib.ts'
import { bullmqBare, bullmqEqual } from './contender-bullmq.ts'
import { graphileBatched, graphileEqual } from './contender-graphile.ts'
import { pgBossBare, pgBossEqual } from './contender-pg-boss.ts'
import { sqsConsumer, sqsLoop } from './contender-sqs.ts'

/** Who is compared with us on which broker. */
export const RIVALS: Readonly<Record<BrokerKind, readonly ContenderKind[]>> = {
  redis: [bullmqEqual, bullmqBare],
  rabbitmq: [amqplibEqual, amqplibBare],
  sqs: [sqsConsumer, sqsLoop],
  postgres: [pgBossEqual, graphileEqual, pgBossBare, graphileBatched],
}
