import { describeConformance } from '@switchyard/conformance/vitest'

describeConformance(new URL('./subject.ts', import.meta.url))
