/** Helpers for tests of programs that use Switchyard. */
export { type Drained, drain } from './drain.ts'
export { type FakeClock, fakeClock, seeded } from './fake-clock.ts'
export { type Fault, type FaultyCall, faultyAdapter } from './faulty-adapter.ts'
export { type MatcherResult, type YardMatchers, yardMatchers } from './matchers.ts'
export { type Performed, performJob } from './perform-job.ts'
