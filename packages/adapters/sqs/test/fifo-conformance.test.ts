import { describeConformance } from '@switchyard/conformance/vitest'
import { test } from 'vitest'

if (process.env.SWITCHYARD_FULL === '1') describeConformance(new URL('./fifo-subject.ts', import.meta.url))
// FIFO queues take messages one by one, so the shared cases need 160 s there: npm run prove runs them, npm test the standard queues.
else test.skip('FIFO queues under the shared cases take 160 s: SWITCHYARD_FULL=1, or npm run prove', () => {})
