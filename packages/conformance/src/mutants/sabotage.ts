import type {
  Adapter,
  AdapterFactory,
  BrowsePage,
  BrowseResult,
  Capabilities,
  ConsumeOptions,
  Consumer,
  Delivery,
  Message,
  QueueSpec,
  QueueStats,
  SendResult,
  Settlement,
  SettleResult,
} from '@switchyard/core/adapter'

/** Where a call happens. */
export interface Scene {
  readonly adapter: Adapter
  readonly queue: string
  readonly consumer: Consumer
  readonly options: ConsumeOptions
}

/** Replacements for calls of an adapter; what is absent passes through. */
export interface Hooks {
  capabilities?(declared: Capabilities): Capabilities
  declare?(adapter: Adapter, spec: QueueSpec): Promise<void>
  send?(adapter: Adapter, queue: string, messages: readonly Message[]): Promise<readonly SendResult[]>
  receive?(scene: Scene, max: number, signal: AbortSignal): Promise<readonly Delivery[]>
  settle?(scene: Scene, settlements: readonly Settlement[]): Promise<readonly SettleResult[]>
  extend?(scene: Scene, deliveries: readonly Delivery[]): Promise<readonly SettleResult[]>
  closeConsumer?(scene: Scene): Promise<void>
  purge?(adapter: Adapter, queue: string): Promise<void>
  stats?(adapter: Adapter, queue: string): Promise<QueueStats>
  browse?(adapter: Adapter, queue: string, page: BrowsePage): Promise<BrowseResult>
  consumeOptions?(options: ConsumeOptions): ConsumeOptions
  /** What the adapter calls a queue instead. */
  queueName?(name: string): string
}

/** Wraps every adapter that the factory opens. Works over any adapter, so that the suite's power can be shown on real brokers too. */
export function sabotage(factory: AdapterFactory, hooks: Hooks): AdapterFactory {
  return async (host) => {
    const inner = await factory(host)
    const named = (queue: string) => hooks.queueName?.(queue) ?? queue
    const outer: Adapter = {
      name: inner.name,
      capabilities: hooks.capabilities?.(inner.capabilities) ?? inner.capabilities,
      declare: (spec) => hooks.declare?.(inner, spec) ?? inner.declare({ ...spec, name: named(spec.name) }),
      // A call with a transaction passes through: whether it is taken is the adapter's to say.
      send: (queue, messages, tx) =>
        (tx === undefined ? hooks.send?.(inner, queue, messages) : undefined) ?? inner.send(named(queue), messages, tx),
      async consume(queue, options) {
        const consumer = await inner.consume(named(queue), hooks.consumeOptions?.(options) ?? options)
        return sabotagedConsumer({ adapter: inner, queue, consumer, options }, hooks)
      },
      stats: (queue) => hooks.stats?.(inner, queue) ?? inner.stats(named(queue)),
      purge: (queue) => hooks.purge?.(inner, queue) ?? inner.purge(named(queue)),
      close: () => inner.close(),
      ...(inner.browse === undefined ? {} : { browse: browseOf(inner, inner.browse.bind(inner), hooks) }),
    }
    return outer
  }
}

function browseOf(
  inner: Adapter,
  browse: NonNullable<Adapter['browse']>,
  hooks: Hooks,
): NonNullable<Adapter['browse']> {
  return (queue, page) => hooks.browse?.(inner, queue, page) ?? browse(queue, page)
}

function sabotagedConsumer(scene: Scene, hooks: Hooks): Consumer {
  const { consumer } = scene
  return {
    receive: (max, signal) => hooks.receive?.(scene, max, signal) ?? consumer.receive(max, signal),
    settle: (settlements, tx) =>
      (tx === undefined ? hooks.settle?.(scene, settlements) : undefined) ?? consumer.settle(settlements, tx),
    extend: (deliveries) => hooks.extend?.(scene, deliveries) ?? consumer.extend(deliveries),
    close: () => hooks.closeConsumer?.(scene) ?? consumer.close(),
  }
}

/** Settles one by one; `replace` answers what to do instead, or undefined for what was asked. */
export async function settleEach(
  scene: Scene,
  settlements: readonly Settlement[],
  replace: (settlement: Settlement) => Promise<SettleResult> | Settlement | undefined,
): Promise<readonly SettleResult[]> {
  const results: SettleResult[] = []
  for (const settlement of settlements) {
    const instead = replace(settlement)
    if (instead instanceof Promise) {
      results.push(await instead)
      continue
    }
    const [result] = await scene.consumer.settle([instead ?? settlement])
    if (result !== undefined) results.push(result)
  }
  return results
}
