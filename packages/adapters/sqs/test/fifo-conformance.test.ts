import { describeConformance } from '@switchyard/conformance/vitest'

describeConformance(new URL('./fifo-subject.ts', import.meta.url))
