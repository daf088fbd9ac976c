/** Switchyard on Amazon SQS. */
export type { SqsOptions } from './options.ts'
export { adapterFromUrl, sqs } from './sqs.ts'
