import { type ErrorPlace, InvalidPayloadError } from '../errors.ts'

/** What JSON text can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Deeper values are refused: most are circular, and recursion that deep would exhaust the stack of some reader. */
const DEEPEST = 200

/** U+FFFE and U+FFFF are refused by SQS, U+007F..U+009F by nobody yet; escaping all of them costs nothing (seam.md 4f). */
const UNSAFE = /[\u007f-\u009f\ufffe\uffff]/g

/**
 * JSON text in which every control character, lone surrogate, U+FFFE and U+FFFF is escaped, so that every broker keeps
 * it byte for byte. JSON.stringify already escapes U+0000..U+001F and lone surrogates (ECMA-262 25.5.2.3).
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value)
  UNSAFE.lastIndex = 0
  return UNSAFE.test(text) ? text.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`) : text
}

/**
 * Refuses what JSON.stringify would drop or change without a word: undefined in arrays, functions, symbols, BigInt, NaN,
 * Infinity, Map, Set, class instances without toJSON, circular values. Properties that are undefined are left out, as in JSON.
 * Returns true when some value (a Date, a URL) has a `toJSON`, so that the reader will see another shape.
 */
export function assertJson(value: unknown, place: ErrorPlace): boolean {
  try {
    return walk(value, '', 0, place)
  } catch (cause) {
    if (cause instanceof InvalidPayloadError) throw cause
    const message = 'cannot be read: a getter, toJSON or proxy of it throws'
    throw new InvalidPayloadError(
      `job ${JSON.stringify(place.job ?? '?')}: the payload ${message}`,
      place,
      [{ path: '', message }],
      cause,
    )
  }
}

function walk(value: unknown, path: string, depth: number, place: ErrorPlace): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return false
    case 'number':
      if (!Number.isFinite(value)) refuse(path, `${value} has no JSON form`, place)
      return false
    case 'object':
      return value === null ? false : walkObject(value, path, depth, place)
    default:
      return refuse(path, `a value of type ${typeof value} has no JSON form`, place)
  }
}

function walkObject(value: object, path: string, depth: number, place: ErrorPlace): boolean {
  if (depth > DEEPEST) refuse(path.slice(0, 120), `nested deeper than ${DEEPEST} levels, or circular`, place)
  if (Array.isArray(value)) {
    let converted = false
    for (let index = 0; index < value.length; index++) {
      if (walk(value[index], `${path}[${index}]`, depth + 1, place)) converted = true
    }
    return converted
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    const replaced: unknown = (value as { toJSON(): unknown }).toJSON()
    if (value instanceof Date && replaced === null) refuse(path, 'an invalid Date has no JSON form', place)
    walk(replaced, path, depth + 1, place)
    return true
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    refuse(path, `an instance of ${value.constructor?.name ?? 'a class'} would lose its class; pass plain data`, place)
  }
  if (value instanceof Map || value instanceof Set) {
    refuse(path, `a ${value.constructor.name} would become {}; pass an array or a plain object`, place)
  }
  let converted = false
  for (const key of Object.keys(value)) {
    const inner: unknown = (value as Record<string, unknown>)[key]
    if (inner === undefined) continue
    if (walk(inner, path === '' ? key : `${path}.${key}`, depth + 1, place)) converted = true
  }
  return converted
}

function refuse(path: string, message: string, place: ErrorPlace): never {
  const at = path === '' ? 'the payload' : `payload.${path}`
  throw new InvalidPayloadError(`job ${JSON.stringify(place.job ?? '?')}: ${at}: ${message}`, place, [
    { path, message },
  ])
}
