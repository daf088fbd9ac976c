/** The brokers this package can run. SQLite and memory need no server. */
export type BrokerKind = 'redis' | 'rabbitmq' | 'sqs' | 'postgres'

/** Every kind, in the order in which reports list them. */
export const BROKER_KINDS: readonly BrokerKind[] = ['redis', 'rabbitmq', 'sqs', 'postgres']

/** Where a broker came from, in the order in which they are tried (design 8). */
export type BrokerRung = 'env' | 'binary' | 'npm' | 'docker' | 'apt'

/**
 * A broker that answers at `url`. Unless the rung is `env` it is private: loopback ports and a data folder of its own, and
 * it dies with the process that started it, even when that process is killed with SIGKILL.
 *
 * The calls run one after another in the order in which they were made. On a broker that is not `controllable` (an
 * address from the environment) `kill`, `restart`, `pause` and `resume` throw and `stop` does nothing: we do not end what we did not
 * start.
 */
export interface RunningBroker extends AsyncDisposable {
  readonly kind: BrokerKind
  /** Address with user and password. Mask it before printing. It stays the same across `restart`. */
  readonly url: string
  /** What the server itself says it is. */
  readonly version: string
  readonly rung: BrokerRung
  /** False for an address from the environment. */
  readonly controllable: boolean
  /** The folder with data and logs, or undefined where we have none (environment, Docker). */
  readonly dataDir: string | undefined
  /**
   * Resolves when queues declared so far would survive a `kill`. RabbitMQ before 3.13 writes the register of its quorum queues up to about a second
   * late (rabbitmq/ra#443): a queue killed earlier than that is unusable for ever, with the confirmed messages in it. Elsewhere it resolves
   * at once. Call it before `kill` unless that loss is what you test.
   */
  flush(): Promise<void>
  /** SIGKILL for the server and everything it started; resolves when all of it is dead. */
  kill(): Promise<void>
  /** Starts it again on the same port and data (after a graceful stop if it is up); resolves when it answers. */
  restart(): Promise<void>
  /** SIGSTOP for the server and everything it started: sockets stay open, nothing answers. */
  pause(): Promise<void>
  /** SIGCONT for what `pause` stopped. */
  resume(): Promise<void>
  /** Graceful end, then the data folder is removed. Calling it again does nothing. */
  stop(): Promise<void>
}
