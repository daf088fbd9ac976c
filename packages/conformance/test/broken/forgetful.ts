import { MemoryBroker, memory } from '@switchyard/memory'
import { identityOf } from '../../src/letter.ts'
import { sabotage, settleEach } from '../../src/mutants/sabotage.ts'
import type { Subject } from '../../src/subject.ts'

const broker = new MemoryBroker()
const returns = new Map<string, number>()

/** Changes the note at the third return of a message: a mistake for generated sequences. */
export const subject: Subject = {
  name: 'forgetful',
  open: () =>
    sabotage(memory({ broker }), {
      settle: (scene, settlements) =>
        settleEach(scene, settlements, (asked) => {
          if (asked.kind !== 'retry' && asked.kind !== 'release') return undefined
          const id = identityOf(asked.delivery)
          returns.set(id, (returns.get(id) ?? 0) + 1)
          return returns.get(id) === 3 ? { ...asked, note: '{"lost":true}' } : undefined
        }),
    }),
  start: async () => ({ options: null, shared: false, absent: 'embedded', async [Symbol.asyncDispose]() {} }),
}
