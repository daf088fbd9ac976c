import fc from 'fast-check'

/** One step of a sequence. Numbers pick among what is there, so that every sequence can be played on every broker. */
export type Operation =
  | { readonly do: 'send'; readonly count: number }
  | { readonly do: 'receive'; readonly who: 0 | 1; readonly max: number }
  | {
      readonly do: 'settle'
      /** Counted from the latest delivery; earlier ones are mostly stale. */
      readonly picks: readonly number[]
      readonly kind: 'complete' | 'retry' | 'release' | 'move'
      readonly note: string | null
    }
  | { readonly do: 'extend'; readonly pick: number }
  | { readonly do: 'reopen'; readonly who: 0 | 1 }

const who = fc.constantFrom(0 as const, 1 as const)
const pick = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 30 }))

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('send' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('receive' as const), who, max: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      picks: fc.uniqueArray(pick, { minLength: 1, maxLength: 4 }),
      kind: fc.constantFrom('complete' as const, 'retry' as const, 'release' as const, 'move' as const),
      note: fc.constantFrom(null, '{"n":1}', '{"n":2}'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('extend' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const), who }) },
)

/** Sequences of at most `longest` steps. */
export function operations(longest: number): fc.Arbitrary<readonly Operation[]> {
  return fc.array(operation, { minLength: 1, maxLength: longest, size: 'max' })
}
