import type { Adapter, AdapterFactory, Consumer, Delivery, Message, Settlement } from '../adapter/adapter.ts'
import { BrokerError } from '../adapter/broker-error.ts'
import type { Clock } from '../runtime/clock.ts'

/** Calls of the seam that can be made to misbehave. */
export type FaultyCall = 'declare' | 'send' | 'consume' | 'stats' | 'purge' | 'receive' | 'settle' | 'extend'

/**
 * What goes wrong: `fail` nothing happens, an error says so · `drop-reply` it happens, the answer is lost (`maybeApplied`) ·
 * `delay` it happens `delayMs` later · `duplicate` it happens twice (receive: each delivery comes twice) ·
 * `reorder` the items of the call are reversed.
 */
export interface Fault {
  readonly call: FaultyCall
  /** Which calls of that name, counted from 1 over the whole adapter; default: every one. */
  readonly nth?: number | readonly number[] | ((n: number) => boolean)
  readonly kind: 'fail' | 'drop-reply' | 'delay' | 'duplicate' | 'reorder'
  readonly delayMs?: number
}

/** Wraps a factory so that the n-th call fails, lags, repeats, loses its reply or is reordered. For tests of handlers and policies. */
export function faultyAdapter<Tx>(factory: AdapterFactory<Tx>, faults: readonly Fault[]): AdapterFactory<Tx> {
  return async (host) => {
    const adapter = await factory(host)
    const counts = new Map<FaultyCall, number>()
    const faultsOf = (call: FaultyCall): readonly Fault[] => {
      const n = (counts.get(call) ?? 0) + 1
      counts.set(call, n)
      return faults.filter((fault) => fault.call === call && hits(fault, n))
    }
    const through = <Item, Value>(
      call: FaultyCall,
      queue: string,
      items: readonly Item[],
      run: (items: readonly Item[]) => Promise<Value>,
    ): Promise<Value> =>
      misbehave(faultsOf(call), { call, queue, adapter: adapter.name, clock: host.clock }, items, run)

    const wrapped: Adapter<Tx> = {
      name: adapter.name,
      capabilities: adapter.capabilities,
      declare: (spec) => through('declare', spec.name, [], () => adapter.declare(spec)),
      send: (queue, messages, tx) =>
        through<Message, Awaited<ReturnType<Adapter['send']>>>('send', queue, messages, (items) =>
          inOrder(messages, items, adapter.send(queue, items, tx)),
        ),
      consume: (queue, options) =>
        through('consume', queue, [], async () =>
          faultyConsumer(await adapter.consume(queue, options), queue, through),
        ),
      stats: (queue) => through('stats', queue, [], () => adapter.stats(queue)),
      purge: (queue) => through('purge', queue, [], () => adapter.purge(queue)),
      close: () => adapter.close(),
    }
    const { browse } = adapter
    return browse === undefined ? wrapped : { ...wrapped, browse: (queue, page) => browse.call(adapter, queue, page) }
  }
}

type Through = <Item, Value>(
  call: FaultyCall,
  queue: string,
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<Value>,
) => Promise<Value>

function faultyConsumer<Tx>(consumer: Consumer<Tx>, queue: string, through: Through): Consumer<Tx> {
  return {
    receive: (max, signal) => through('receive', queue, [], () => consumer.receive(max, signal)),
    settle: (settlements, tx) =>
      through<Settlement, Awaited<ReturnType<Consumer['settle']>>>('settle', queue, settlements, (items) =>
        inOrder(settlements, items, consumer.settle(items, tx)),
      ),
    extend: (deliveries) =>
      through<Delivery, Awaited<ReturnType<Consumer['extend']>>>('extend', queue, deliveries, (items) =>
        inOrder(deliveries, items, consumer.extend(items)),
      ),
    close: () => consumer.close(),
  }
}

function hits({ nth }: Fault, n: number): boolean {
  if (nth === undefined) return true
  if (typeof nth === 'number') return nth === n
  return typeof nth === 'function' ? nth(n) : nth.includes(n)
}

interface Where {
  readonly call: FaultyCall
  readonly queue: string
  readonly adapter: string
  readonly clock: Clock
}

async function misbehave<Item, Value>(
  faults: readonly Fault[],
  where: Where,
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<Value>,
): Promise<Value> {
  const doubled = (value: Value): Value => (Array.isArray(value) ? ([...value, ...value] as Value) : value)
  const reversed = (value: Value): Value => (Array.isArray(value) ? ([...value].reverse() as Value) : value)
  const has = (kind: Fault['kind']) => faults.find((fault) => fault.kind === kind)
  const late = has('delay')
  if (late !== undefined) await where.clock.sleep(late.delayMs ?? 1_000)
  if (has('fail') !== undefined) throw injected(where, false)
  let value: Value = await run(has('reorder') === undefined ? items : [...items].reverse())
  if (has('reorder') !== undefined && where.call === 'receive') value = reversed(value)
  if (has('duplicate') !== undefined) {
    if (where.call === 'receive') value = doubled(value)
    else await run(items)
  }
  if (has('drop-reply') !== undefined) throw injected(where, true)
  return value
}

/** Results answered for `sent`, put back into the order of `asked`. */
async function inOrder<Item, Result>(
  asked: readonly Item[],
  sent: readonly Item[],
  results: Promise<readonly Result[]>,
): Promise<readonly Result[]> {
  const answered = await results
  return sent === asked ? answered : asked.map((item) => answered[sent.indexOf(item)] as Result)
}

function injected({ call, queue, adapter }: Where, maybeApplied: boolean): BrokerError {
  return new BrokerError({
    code: maybeApplied ? 'timeout' : 'unavailable',
    adapter,
    queue,
    maybeApplied,
    message: `injected fault: ${call} ${maybeApplied ? 'was done but its reply is lost' : 'was not done'}`,
  })
}
