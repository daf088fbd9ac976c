export type { RabbitmqOptions } from './options.ts'
export { adapterFromUrl, rabbitmq } from './rabbitmq.ts'
