import { GetQueueAttributesCommand, GetQueueUrlCommand, PurgeQueueCommand } from '@aws-sdk/client-sqs'
import {
  type Adapter,
  type AdapterFactory,
  type AdapterHost,
  BrokerError,
  type Figure,
  type QueueStats,
} from '@switchyard/core/adapter'
import { Calls } from './calls.ts'
import { capabilitiesOf } from './capabilities.ts'
import { consume, type SqsConsumer } from './consumer.ts'
import { ADAPTER, refusal, refuseTx } from './errors.ts'
import { optionsFromUrl, type Settings, type SqsOptions, settingsOf } from './options.ts'
import { Queues } from './queues.ts'
import { type Context, send } from './send.ts'

/**
 * Jobs in Amazon SQS. Options are checked here (BrokerError `invalid`); nothing is opened before the factory is called, which asks
 * the server one question, or fails typed within `connectDeadlineMs`. Credentials come from the standard AWS chain.
 */
export function sqs(options: SqsOptions = {}): AdapterFactory<never> {
  const settings = settingsOf(options)
  return (host) => open(settings, host)
}

/** What core's `connect({ broker: 'sqs://…' })` calls. No part of the URL is a path, so that `base` is not needed. */
export function adapterFromUrl(url: string, _base?: string): AdapterFactory<never> {
  return sqs(optionsFromUrl(url))
}

async function open(settings: Settings, host: AdapterHost): Promise<Adapter<never>> {
  if (settings.pollMs > host.callDeadlineMs / 2)
    throw new BrokerError({
      code: 'invalid',
      adapter: ADAPTER,
      message: `pollMs (${settings.pollMs}) must be at most half of callDeadlineMs (${host.callDeadlineMs}), because close waits for a poll`,
    })
  const calls = new Calls(settings, host)
  const queues = new Queues(calls, settings)
  try {
    await probe(calls, queues, host.clock.now() + host.connectDeadlineMs)
  } catch (error) {
    void calls.close()
    throw error
  }
  return adapterOn({ calls, queues, settings })
}

/** Is anybody there who takes our credentials? Which queues they open is told by each queue. */
async function probe(calls: Calls, queues: Queues, endsAt: number): Promise<void> {
  const QueueName = queues.nativeName('switchyard-probe')
  const limitMs = endsAt - calls.host.clock.now()
  try {
    await calls.run({ doing: 'connect', writes: false, endsAt, limitMs }, (abortSignal) =>
      calls.client.send(new GetQueueUrlCommand({ QueueName }), { abortSignal }),
    )
  } catch (error) {
    const fine = error instanceof BrokerError && (error.code === 'not-found' || deniedByPolicy(error))
    if (!fine) throw error
  }
}

/** The credentials were accepted; they only have no right to this queue. */
function deniedByPolicy({ cause }: BrokerError): boolean {
  return cause instanceof Error && /AccessDenied(Exception)?$/.test(cause.name)
}

function adapterOn(context: Context): Adapter<never> {
  const { calls, queues, settings } = context
  const consumers = new Set<SqsConsumer>()
  let closing: Promise<void> | null = null
  const close = async () => {
    await Promise.all([...consumers].map((consumer) => consumer.close()))
    await calls.close()
  }
  return {
    name: ADAPTER,
    capabilities: capabilitiesOf(settings),
    declare: async (queue) => {
      calls.assertOpen({ doing: 'declare', queue: queue.name })
      await queues.declare(queue)
    },
    send: async (queue, messages, tx) => {
      refuseTx(queue, tx)
      return send(context, queue, messages)
    },
    consume: async (queue, options) => {
      if (closing !== null) throw refusal('closed', queue, 'could not consume: the adapter was closed')
      const consumer = await consume(context, queue, options, () => consumers.delete(consumer))
      consumers.add(consumer)
      if (closing === null) return consumer
      await consumer.close()
      throw refusal('closed', queue, 'could not consume: the adapter was closed')
    },
    stats: (queue) => stats(context, queue),
    purge: (queue) => purge(context, queue),
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

async function stats({ calls, queues }: Context, queue: string): Promise<QueueStats> {
  calls.assertOpen({ doing: 'count', queue })
  const QueueUrl = await queues.url(queue)
  const call = { doing: 'count', queue, writes: false }
  const { Attributes } = await calls.run(call, (abortSignal) =>
    calls.client.send(
      new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: [
          'ApproximateNumberOfMessages',
          'ApproximateNumberOfMessagesNotVisible',
          'ApproximateNumberOfMessagesDelayed',
        ],
      }),
      { abortSignal },
    ),
  )
  const asOf = calls.host.clock.now()
  const figure = (text: string | undefined): Figure | null =>
    text === undefined ? null : { value: Number(text), exact: false, asOf }
  return {
    ready: figure(Attributes?.ApproximateNumberOfMessages),
    leased: figure(Attributes?.ApproximateNumberOfMessagesNotVisible),
    delayed: figure(Attributes?.ApproximateNumberOfMessagesDelayed),
    oldestReadyMs: null, // only CloudWatch knows (ApproximateAgeOfOldestMessage)
  }
}

/** Throttling is answered at once: AWS takes one purge per queue and minute. */
async function purge({ calls, queues }: Context, queue: string): Promise<void> {
  calls.assertOpen({ doing: 'purge', queue })
  const QueueUrl = await queues.url(queue)
  await calls.run({ doing: 'purge', queue, writes: true, once: true }, (abortSignal) =>
    calls.client.send(new PurgeQueueCommand({ QueueUrl }), { abortSignal }),
  )
}
