import { type Adapter, type AdapterFactory, BrokerError, type Consumer } from '@switchyard/core/adapter'

/** The line between a worker inside the harness and its broker: it can be held, and cut for good. */
export class Severance {
  #cut = new AbortController()
  #held: PromiseWithResolvers<void> | null = null

  /** Aborts when the worker is dead. */
  get dead(): AbortSignal {
    return this.#cut.signal
  }

  /** Nothing passes in either direction from now on, as when the process were frozen. */
  hold(): void {
    this.#held ??= Promise.withResolvers()
  }

  /** What was held passes. */
  letGo(): void {
    this.#held?.resolve()
    this.#held = null
  }

  /** Nothing ever passes again, as when the process had been killed. */
  cut(): void {
    this.#cut.abort()
  }

  /** Resolves when the line is open. Rejects once it is cut: to hang would keep the timers of the dead alive. */
  async pass(): Promise<void> {
    await this.#held?.promise
    if (this.dead.aborted) throw killed()
  }

  /** The call and its answer both pass the line. */
  async through<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    await this.pass()
    const answer = await call()
    await this.pass()
    return answer
  }
}

/** `closed`, so that nothing is tried again. */
function killed(): BrokerError {
  return new BrokerError({ adapter: 'chaos', code: 'closed', message: 'this worker was killed', maybeApplied: true })
}

/**
 * A broker inside the process, as a worker process would see it: when the worker is killed its consumers take nothing more and
 * settle nothing, and what they leased stays leased until it lapses.
 */
export function severedAdapter(factory: AdapterFactory, line: Severance): AdapterFactory {
  return async (host) => {
    const inner = await factory(host)
    const adapter: Adapter = {
      name: inner.name,
      capabilities: inner.capabilities,
      declare: (queue) => line.through(() => inner.declare(queue)),
      send: (queue, messages, tx) => line.through(() => inner.send(queue, messages, tx)),
      consume: async (queue, options) =>
        severedConsumer(
          await inner.consume(queue, {
            ...options,
            lost: (deliveries) =>
              void line.pass().then(
                () => options.lost(deliveries),
                () => {},
              ),
          }),
          line,
        ),
      stats: (queue) => line.through(() => inner.stats(queue)),
      purge: (queue) => line.through(() => inner.purge(queue)),
      close: () => line.through(() => inner.close()),
    }
    return inner.browse === undefined ? adapter : { ...adapter, browse: inner.browse.bind(inner) }
  }
}

function severedConsumer(inner: Consumer, line: Severance): Consumer {
  return {
    receive: (max, signal) => line.through(() => inner.receive(max, AbortSignal.any([signal, line.dead]))),
    settle: (settlements, tx) => line.through(() => inner.settle(settlements, tx)),
    extend: (deliveries) => line.through(() => inner.extend(deliveries)),
    close: () => line.through(() => inner.close()),
  }
}
