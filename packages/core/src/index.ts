/** Switchyard's public API: definitions, connect, enqueue, work, dead letters. */
export type { Consumer, Delivery, Figure, QueueStats } from './adapter/adapter.ts'
export { BrokerError, type BrokerErrorCode } from './adapter/broker-error.ts'
export type { Capabilities, Capability, Support, UniqueScope } from './adapter/capabilities.ts'
export { PRIORITIES, type Priority } from './adapter/queue-names.ts'
export type { DeadFilter, DeadLetter } from './client/dead-letter.ts'
export type { DeadLetters, DeadPage, DeadReport, DeadSearch } from './client/dead-letters.ts'
export type { EnqueueOptions } from './client/enqueue-options.ts'
export type { Enqueued, EnqueueManyResult } from './client/producer.ts'
export { type ConnectOptions, connect } from './connect.ts'
export * from './define-config.ts'
export * from './errors.ts'
export { DEFAULTS } from './job/defaults.ts'
export {
  type AnyJob,
  defineJob,
  type JobDefinition,
  type JobOptions,
  type OnDead,
  type UniqueOption,
  type Upcaster,
} from './job/define-job.ts'
export type { DeadReason, DeadRecord, Envelope, Failure, FailureClass } from './job/envelope.ts'
export {
  type Handler,
  type HandlerFunction,
  handle,
  type JobContext,
  type JobFacts,
  type Middleware,
} from './job/handler.ts'
export { keyedId } from './job/job-id.ts'
export type { Json } from './job/json-text.ts'
export {
  type Backoff,
  type Classifier,
  delays,
  exponential,
  fixed,
  type Jitter,
  type RetryOptions,
  type RetryPolicy,
} from './job/retry-policy.ts'
export type { Unsubscribe } from './observe/emitter.ts'
export type { JobEvent, RunEvent, YardEventName, YardEvents } from './observe/events.ts'
export { classify } from './policy/classify.ts'
export type { QueueOptions, QueuePlan } from './policy/queue-plan.ts'
export { maskedUrl, resolveBroker } from './resolve-broker.ts'
export { type Cancel, type Clock, systemClock } from './runtime/clock.ts'
export { jsonLogger, type LogFields, type Logger, silentLogger } from './runtime/logger.ts'
export type { DrainReport } from './worker/drain.ts'
export { type Stoppable, stopOnSignals } from './worker/stop-on-signals.ts'
export type { WorkOptions, WorkQueueOptions } from './worker/work-options.ts'
export type { StopReport, Worker } from './worker/worker.ts'
export type { PeekedJob, Yard, YardQueueStats } from './yard.ts'
