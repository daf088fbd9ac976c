import type { Message, Unique } from '@switchyard/core/adapter'
import type { Lease } from './lease.ts'

/** One message inside the broker. A class, so that all have one hidden shape; kept small, because backlogs are long. */
export class Entry {
  readonly message: { readonly id: string; readonly body: string }
  readonly orderKey: string | undefined
  readonly unique: Unique | undefined
  /** Order of arrival in this broker. */
  readonly seq: number
  note: string | null = null
  lapses = 0
  /** When it became or becomes ready, by the clock that `dueClock` names. */
  dueAt: number
  /** The lease that stands, if any. */
  lease: Lease | null = null
  /** Completed, moved or purged. */
  gone = false
  /** Copies made of it by composed settlements; makes their ids differ. */
  copies = 0

  constructor(message: Pick<Message, 'id' | 'body' | 'orderKey' | 'unique'>, seq: number, dueAt: number) {
    this.message = { id: message.id, body: message.body }
    this.orderKey = message.orderKey
    this.unique = message.unique
    this.seq = seq
    this.dueAt = dueAt
  }
}
