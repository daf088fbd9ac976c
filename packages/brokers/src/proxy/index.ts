export type {
  ConnectionFilter,
  CutKind,
  Direction,
  FaultProxy,
  ProxyEvent,
  ProxyFaults,
  ProxyOptions,
} from './fault-proxy.ts'
export { upstreamOf } from './proxied-url.ts'
export type { ProxyConnection } from './proxy-connection.ts'
export { type ProxyControl, serveControl } from './serve-control.ts'
export { startProxy } from './start-proxy.ts'
