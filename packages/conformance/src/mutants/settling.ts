import type { Delivery, Settlement } from '@switchyard/core/adapter'
import { identityOf, letter } from '../letter.ts'
import type { Mutant } from './mutant.ts'
import { sabotage, settleEach } from './sabotage.ts'

/** Breaks what `settle` and `extend` promise. */
export const settlingMutants: readonly Mutant[] = [
  {
    id: 'M-complete-nothing',
    title: 'answers settled to complete and does nothing',
    killedBy: ['A3'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        settle: (scene, settlements) =>
          settleEach(scene, settlements, ({ kind }) => (kind === 'complete' ? Promise.resolve('settled') : undefined)),
      }),
  },
  ...(['retry', 'release'] as const).flatMap((kind): Mutant[] => {
    const clause = kind === 'retry' ? 'A4' : 'A5'
    return [
      {
        id: `M-${kind}-drops`,
        title: `completes on ${kind}`,
        killedBy: [clause],
        over: 'timed',
        sabotage: (factory) =>
          sabotage(factory, {
            settle: (scene, settlements) =>
              settleEach(scene, settlements, (asked) =>
                asked.kind === kind ? { kind: 'complete', delivery: asked.delivery } : undefined,
              ),
          }),
      },
      {
        id: `M-${kind}-doubles`,
        title: `puts a message back twice on ${kind}`,
        killedBy: [clause],
        over: 'timed',
        sabotage: (factory) =>
          sabotage(factory, {
            async settle(scene, settlements) {
              const results = await scene.consumer.settle(settlements)
              const again = settlements.filter((asked, index) => asked.kind === kind && results[index] === 'settled')
              await scene.adapter.send(
                scene.queue,
                again.map(({ delivery }) => ({ ...letter(), body: delivery.message.body })),
              )
              return results
            },
          }),
      },
      {
        id: `M-${kind}-at-once`,
        title: `forgets the delay of ${kind}`,
        killedBy: ['A10'],
        over: 'timed',
        sabotage: (factory) =>
          sabotage(factory, {
            settle: (scene, settlements) =>
              settleEach(scene, settlements, (asked) => (asked.kind === kind ? { ...asked, delayMs: 0 } : undefined)),
          }),
      },
    ]
  }),
  {
    id: 'M-move-keeps',
    title: 'sends to the other queue and keeps the original',
    killedBy: ['A6'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        settle: (scene, settlements) =>
          settleEach(scene, settlements, (asked) => {
            if (asked.kind !== 'move') return undefined
            void scene.adapter.send(asked.to, [asked.message])
            return { kind: 'release', delivery: asked.delivery, delayMs: 0 }
          }),
      }),
  },
  {
    id: 'M-move-drops',
    title: 'completes the original and sends nothing',
    killedBy: ['A6'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        settle: (scene, settlements) =>
          settleEach(scene, settlements, ({ kind, delivery }) =>
            kind === 'move' ? { kind: 'complete', delivery } : undefined,
          ),
      }),
  },
  {
    id: 'M-move-unfenced',
    title: 'sends first and looks at the lease afterwards',
    killedBy: ['A7'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        settle: (scene, settlements) =>
          settleEach(scene, settlements, (asked) => {
            if (asked.kind !== 'move') return undefined
            void scene.adapter.send(asked.to, [asked.message])
            return { kind: 'complete', delivery: asked.delivery }
          }),
      }),
  },
  {
    id: 'M-stale-told-settled',
    title: 'answers settled to a stale settlement, and changes nothing',
    killedBy: ['A7'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        settle: async ({ consumer }, settlements) =>
          (await consumer.settle(settlements)).map((result) => (result === 'lost' ? 'settled' : result)),
      }),
  },
  {
    id: 'M-stale-applied',
    title: 'answers lost to a stale settlement, and carries it out on the lease of the new owner',
    killedBy: ['A7'],
    over: 'timed',
    sabotage(factory) {
      const latest = new Map<string, { delivery: Delivery; settle(one: Settlement): Promise<unknown> }>()
      return sabotage(factory, {
        async receive({ consumer }, max, signal) {
          const got = await consumer.receive(max, signal)
          for (const delivery of got)
            latest.set(identityOf(delivery), { delivery, settle: (one) => consumer.settle([one]) })
          return got
        },
        async settle({ consumer }, settlements) {
          const results = await consumer.settle(settlements)
          for (const [index, asked] of settlements.entries()) {
            const owner = latest.get(identityOf(asked.delivery))
            if (results[index] === 'lost') await owner?.settle({ ...asked, delivery: owner.delivery })
          }
          return results
        },
      })
    },
  },
  {
    id: 'M-extend-always',
    title: 'answers settled to every extension',
    killedBy: ['A7'],
    over: 'timed',
    sabotage: (factory) => sabotage(factory, { extend: async (_, deliveries) => deliveries.map(() => 'settled') }),
  },
  {
    id: 'M-note-dropped',
    title: 'puts back without the note',
    killedBy: ['A8'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        settle: (scene, settlements) =>
          settleEach(scene, settlements, (asked) => {
            if (asked.kind !== 'retry' && asked.kind !== 'release') return undefined
            const { note: _, ...rest } = asked
            return rest
          }),
      }),
  },
  {
    id: 'M-note-cut-short',
    title: 'keeps the first 1 024 letters of a note',
    killedBy: ['A8'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        settle: (scene, settlements) =>
          settleEach(scene, settlements, (asked) =>
            'note' in asked && asked.note !== undefined ? { ...asked, note: asked.note.slice(0, 1_024) } : undefined,
          ),
      }),
  },
  {
    id: 'M-note-reset',
    title: 'forgets the note when none is given',
    killedBy: ['A8'],
    over: 'timed',
    sabotage: (factory) =>
      sabotage(factory, {
        settle: (scene, settlements) =>
          settleEach(scene, settlements, (asked) =>
            (asked.kind === 'retry' || asked.kind === 'release') && asked.note === undefined
              ? { ...asked, note: '' }
              : undefined,
          ),
      }),
  },
  {
    id: 'M-retry-counts-lapse',
    title: 'counts retries and releases as lapses',
    killedBy: ['A9'],
    over: 'timed',
    sabotage(factory) {
      const extra = new Map<string, number>()
      return sabotage(factory, {
        receive: async ({ consumer }, max, signal) =>
          (await consumer.receive(max, signal)).map(
            (delivery): Delivery => ({
              ...delivery,
              lapses: (delivery.lapses ?? 0) + (extra.get(identityOf(delivery)) ?? 0),
            }),
          ),
        settle({ consumer }, settlements) {
          for (const { kind, delivery } of settlements)
            if (kind !== 'complete') extra.set(identityOf(delivery), (extra.get(identityOf(delivery)) ?? 0) + 1)
          return consumer.settle(settlements)
        },
      })
    },
  },
]
