import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type {
  Adapter,
  AdapterHost,
  BrokerError,
  ConsumeOptions,
  Consumer,
  Delivery,
  Message,
} from '@switchyard/core/adapter'
import { silentLogger, systemClock } from '@switchyard/core/adapter'
import { sqlite } from '../src/index.ts'

/** A host whose clock can be moved on; timers and chance are real. */
export interface TestHost extends AdapterHost {
  readonly faults: BrokerError[]
  /** Everybody who has this host sees the time jump; timers already set do not. */
  advance(ms: number): void
}

/** A host for one test. */
export function testHost(deadlines: { callDeadlineMs?: number; connectDeadlineMs?: number } = {}): TestHost {
  let offset = 0
  const faults: BrokerError[] = []
  return {
    clock: { ...systemClock, now: () => Date.now() + offset },
    log: silentLogger,
    callDeadlineMs: deadlines.callDeadlineMs ?? 10_000,
    connectDeadlineMs: deadlines.connectDeadlineMs ?? 10_000,
    report: (fault) => faults.push(fault),
    faults,
    advance: (ms) => {
      offset += ms
    },
  }
}

/** A folder that goes away with the test. */
export class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'switchyard-sqlite-'))
  readonly file: string = join(this.path, 'jobs.db');

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** One file with the queue `q` declared on it, and everything opened through it closed at the end. */
export class Yard implements AsyncDisposable {
  readonly folder = new Folder()
  readonly host: TestHost = testHost()
  readonly #open: Adapter<DatabaseSync>[] = []

  /** Another connection to the same file. */
  async open(): Promise<Adapter<DatabaseSync>> {
    const adapter = await sqlite({ file: this.folder.file })(this.host)
    this.#open.push(adapter)
    await adapter.declare({ name: 'q', leaseMs: 30_000, ordered: true, dedupeMs: 0 })
    return adapter
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#open.map((adapter) => adapter.close()))
    this.folder[Symbol.dispose]()
  }
}

/** A message with a body that names it. */
export function message(parts: Partial<Message> = {}): Message {
  const id = parts.id ?? randomUUID()
  return { name: 'job', body: JSON.stringify({ id }), delayMs: 0, ...parts, id }
}

/** A consumer of `q` with a lease of 30 s. */
export function consume(
  adapter: Adapter<DatabaseSync>,
  options: Partial<ConsumeOptions> = {},
): Promise<Consumer<DatabaseSync>> {
  return adapter.consume('q', { leaseMs: 30_000, prefetch: 0, lost() {}, ...options })
}

/** Up to `max` of what is there now; never waits for more than one round. */
export async function take(consumer: Consumer<DatabaseSync>, max = 10): Promise<readonly Delivery[]> {
  return consumer.receive(max, AbortSignal.timeout(2_000))
}

/** Whether nothing can be taken within a moment. */
export async function idle(consumer: Consumer<DatabaseSync>): Promise<readonly Delivery[]> {
  return consumer.receive(10, AbortSignal.timeout(60))
}

/** The ids of deliveries or browsed messages. */
export function ids(items: readonly { readonly message: { readonly id: string } }[]): string[] {
  return items.map((item) => item.message.id)
}
