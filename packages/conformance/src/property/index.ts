/** Generated sequences of operations against a small model, over any subject. */
export type { Operation } from './operation.ts'
export { operations } from './operation.ts'
export { play } from './play.ts'
export type { PropertyOptions, PropertyResult } from './run-property.ts'
export { runProperty } from './run-property.ts'
