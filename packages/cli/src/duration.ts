import { UsageError } from './exit-code.ts'

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `250ms`, `5s`, `10m`, `2h`, `1d` in milliseconds. */
export function durationMs(text: string, option: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim()) ?? []
  const factor = UNITS[unit ?? '']
  if (amount === undefined || factor === undefined) {
    throw new UsageError(`${option} ${JSON.stringify(text)} is not a duration; write 250ms, 5s, 10m, 2h or 1d`)
  }
  return Number(amount) * factor
}

/** A moment in the past: a duration ago, or ISO 8601. Epoch ms. */
export function momentMs(text: string, option: string, now: number): number {
  if (/^\d+(?:\.\d+)?(ms|s|m|h|d)$/.test(text.trim())) return now - durationMs(text, option)
  const at = Date.parse(text)
  if (Number.isNaN(at))
    throw new UsageError(`${option} ${JSON.stringify(text)} is neither a duration (1h) nor a date (2026-11-22T10:00Z)`)
  return at
}

/** A whole number >= `least`. */
export function wholeNumber(text: string, option: string, least: number): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError(`${option} must be a whole number >= ${least}, got ${JSON.stringify(text)}`)
  return value
}

/** 65 000 -> `1m 5s`, for people. */
export function forPeople(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`
  const s = Math.floor(ms / 1_000)
  if (s < 60) return `${s}s`
  if (s < 3_600) return `${Math.floor(s / 60)}m ${s % 60}s`
  if (s < 86_400) return `${Math.floor(s / 3_600)}h ${Math.floor((s % 3_600) / 60)}m`
  return s < 10 * 86_400
    ? `${Math.floor(s / 86_400)}d ${Math.floor((s % 86_400) / 3_600)}h`
    : `${Math.floor(s / 86_400)} days`
}
