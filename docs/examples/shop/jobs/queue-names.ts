/**
 * Queues by how long a job may wait, not by what it is about: a slow thumbnail never stands in front of a payment, and a new
 * kind of job needs a decision about latency instead of a new queue, its own workers and its own alarm.
 */
export const QUEUES = {
  /** Somebody is waiting: starts within a second. */
  realtime: 'realtime',
  /** Another system is waiting: starts within a minute. */
  default: 'default',
  /** Nobody is waiting: within an hour. Batches, images. */
  bulk: 'bulk',
  /** Heavy, one at a time: overnight. */
  reports: 'reports',
} as const
