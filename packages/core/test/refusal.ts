import { BrokerError, type BrokerErrorCode } from '../src/adapter/broker-error.ts'

/** A broker's refusal, for tests. */
export function refusal(code: BrokerErrorCode, parts: { readonly maybeApplied?: boolean } = {}): BrokerError {
  return new BrokerError({ code, adapter: 'test', message: `refused by the test: ${code}`, ...parts })
}
