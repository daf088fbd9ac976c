import type {
  Adapter,
  AdapterHost,
  BrowsePage,
  ConsumeOptions,
  Consumer,
  Delivery,
  Message,
  QueueSpec,
  SendResult,
  Settlement,
  SettleResult,
} from './adapter.ts'
import { BrokerError } from './broker-error.ts'
import { withDeadline } from './deadline.ts'

/** Core's own net hangs this much below the adapter's: an adapter that keeps its deadline answers first, with more to say. */
const NET_MS = 1_000

/**
 * Wraps an adapter so that core can rely on the seam whatever the adapter does: every call but `receive` ends within the
 * deadline, every failure is a BrokerError, plural results have one answer per item.
 */
export function guarded<Tx>(adapter: Adapter<Tx>, host: AdapterHost): Adapter<Tx> {
  const call = <Value>(what: string, queue: string | null, start: () => Promise<Value>): Promise<Value> =>
    withDeadline(host.clock, host.callDeadlineMs + NET_MS, started(start), () =>
      late(adapter.name, what, queue, host),
    ).catch((error: unknown) => {
      throw asBrokerError(error, adapter.name, queue)
    })
  const perItem = async <Result>(
    what: string,
    queue: string,
    asked: number,
    start: () => Promise<readonly Result[]>,
  ) => {
    const results: unknown = await call(what, queue, start)
    // `every` leaves holes out, `includes` does not.
    if (Array.isArray(results) && results.length === asked && !results.includes(undefined) && results.every(isAnswer)) {
      return results as readonly Result[]
    }
    throw new BrokerError({
      code: 'unknown',
      adapter: adapter.name,
      queue,
      maybeApplied: true,
      message: `${what} answered ${Array.isArray(results) ? `${results.length} results, not all readable,` : typeof results} for ${asked} items: a defect of the adapter`,
    })
  }
  const wrapped: Adapter<Tx> = {
    name: adapter.name,
    capabilities: adapter.capabilities,
    declare: (queue: QueueSpec) => call('declare', queue.name, () => adapter.declare(queue)),
    send: (queue: string, messages: readonly Message[], tx?: Tx): Promise<readonly SendResult[]> =>
      messages.length === 0
        ? Promise.resolve([])
        : perItem('send', queue, messages.length, () => adapter.send(queue, messages, tx)),
    consume: async (queue: string, options: ConsumeOptions) => {
      const consumer = await call('consume', queue, () => adapter.consume(queue, options))
      return guardedConsumer(consumer, queue, adapter.name, call, perItem)
    },
    stats: (queue: string) => call('stats', queue, () => adapter.stats(queue)),
    purge: (queue: string) => call('purge', queue, () => adapter.purge(queue)),
    close: () => call('close', null, () => adapter.close()),
  }
  const { browse } = adapter
  if (browse === undefined) return wrapped
  return {
    ...wrapped,
    browse: (queue: string, page: BrowsePage) => call('browse', queue, () => browse.call(adapter, queue, page)),
  }
}

function guardedConsumer<Tx>(
  consumer: Consumer<Tx>,
  queue: string,
  name: string,
  call: <Value>(what: string, queue: string | null, start: () => Promise<Value>) => Promise<Value>,
  perItem: <Result>(
    what: string,
    queue: string,
    asked: number,
    start: () => Promise<readonly Result[]>,
  ) => Promise<readonly Result[]>,
): Consumer<Tx> {
  return {
    receive: async (max: number, signal: AbortSignal): Promise<readonly Delivery[]> => {
      try {
        const deliveries: unknown = await consumer.receive(max, signal)
        if (Array.isArray(deliveries)) return deliveries as readonly Delivery[]
        throw new Error(`receive answered ${typeof deliveries}: a defect of the adapter`)
      } catch (error) {
        throw asBrokerError(error, name, queue)
      }
    },
    settle: (settlements: readonly Settlement[], tx?: Tx): Promise<readonly SettleResult[]> =>
      perItem('settle', queue, settlements.length, () => consumer.settle(settlements, tx)),
    extend: (deliveries: readonly Delivery[]): Promise<readonly SettleResult[]> =>
      perItem('extend', queue, deliveries.length, () => consumer.extend(deliveries)),
    close: () => call('close of a consumer', queue, () => consumer.close()),
  }
}

function isAnswer(result: unknown): boolean {
  return typeof result === 'string' || result instanceof BrokerError
}

/** A method that throws instead of rejecting rejects here. */
async function started<Value>(start: () => Promise<Value>): Promise<Value> {
  return await start()
}

function late(adapter: string, what: string, queue: string | null, host: AdapterHost): BrokerError {
  return new BrokerError({
    code: 'timeout',
    adapter,
    ...(queue === null ? {} : { queue }),
    maybeApplied: true,
    message: `${what} did not answer within callDeadlineMs (${host.callDeadlineMs}); it may have been applied`,
  })
}

/** Any thrown value as a BrokerError; one that is already is passed through. */
export function asBrokerError(error: unknown, adapter: string, queue: string | null): BrokerError {
  if (error instanceof BrokerError) return error
  return new BrokerError({
    code: 'unknown',
    adapter,
    ...(queue === null ? {} : { queue }),
    maybeApplied: true,
    message: `unexpected ${error instanceof Error ? `${error.name}: ${error.message}` : `throw of ${typeof error}`}`,
    cause: error,
  })
}
