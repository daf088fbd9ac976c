/** The suite under test: mutants, what they lie over, and the matrix of who catches whom. */
export * from '../mutants/index.ts'
export type { EmbeddedBroker, MakeBroker, ManifestValues } from './over-memory.ts'
export { MANIFESTS, subjectOver } from './over-memory.ts'
export type { KillMatrix, MatrixRow } from './self-test.ts'
export { matrixTable, problemsOf, selfTest } from './self-test.ts'
