import { describeConformance } from '../src/node-test.ts'

// Run by node-test.test.ts with `node --test`.
describeConformance(new URL('../../adapters/memory/test/subject.ts', import.meta.url))
