import type { AdapterHost, ConsumeOptions } from '@switchyard/core/adapter'
import type { Link } from './link.ts'
import type { Publisher } from './publisher.ts'

/** What a consumer needs. */
export interface ConsumerParts {
  readonly host: AdapterHost
  readonly link: Link
  readonly publisher: Publisher
  readonly queue: string
  readonly native: (queue: string) => string
  readonly options: ConsumeOptions
  /** Told once, when the consumer has closed. */
  closed(): void
}
