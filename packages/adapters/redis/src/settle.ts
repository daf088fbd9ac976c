import type { Delivery, Settlement, SettleResult } from '@switchyard/core/adapter'
import { type Context, faultOf } from './context.ts'
import { saysLost } from './errors.ts'
import type { Move } from './mover.ts'
import type { Backend, QueueShape } from './queues.ts'
import { refusalOf } from './wire.ts'

/** One lease: BullMQ's lock of the job holds the token, and every script compares it. */
export interface Receipt {
  readonly id: string
  readonly token: string
}

/** Only we look inside. */
export function receiptOf(delivery: Delivery): Receipt {
  return delivery.receipt as Receipt
}

/** What settling works on. */
export interface SettleParts {
  readonly context: Context
  readonly shape: QueueShape
  readonly backend: Backend
}

/** One answer per settlement, in order. */
export async function settleAll(
  parts: SettleParts,
  settlements: readonly Settlement[],
): Promise<readonly SettleResult[]> {
  const results = new Array<SettleResult | undefined>(settlements.length)
  const moves: { readonly place: number; readonly settlement: Extract<Settlement, { kind: 'move' }> }[] = []
  const pending: Promise<void>[] = []
  const settle = (place: number, work: () => Promise<unknown>) =>
    pending.push(
      answered(parts, work).then((answer) => {
        results[place] = answer
      }),
    )
  settlements.forEach((settlement, place) => {
    if (settlement.kind === 'move') moves.push({ place, settlement })
    else if (!goesToFront(settlement)) settle(place, () => settleOne(parts, settlement))
  })
  // each goes in front of the others: the last first keeps their order
  for (let place = settlements.length - 1; place >= 0; place -= 1) {
    const settlement = settlements[place]
    if (settlement === undefined || !goesToFront(settlement)) continue
    const { id, token } = receiptOf(settlement.delivery)
    settle(place, () => parts.backend.moveJobFromActiveToWait(id, token))
  }
  pending.push(
    moveAll(
      parts,
      moves.map(({ settlement }) => settlement),
    ).then((answers) =>
      moves.forEach(({ place }, index) => {
        results[place] = answers[index]
      }),
    ),
  )
  await Promise.all(pending)
  return results as SettleResult[]
}

/** Released at once and unchanged: BullMQ puts it where it was, to the front. */
function goesToFront(settlement: Settlement): boolean {
  return settlement.kind === 'release' && settlement.delayMs <= 0 && settlement.note === undefined
}

async function answered({ context, shape }: SettleParts, work: () => Promise<unknown>): Promise<SettleResult> {
  try {
    await work()
    return 'settled'
  } catch (error) {
    return saysLost(error) ? 'lost' : faultOf(context, error, { doing: 'settle', queue: shape.name, writes: true })
  }
}

function settleOne(
  { backend, shape }: SettleParts,
  settlement: Exclude<Settlement, { kind: 'move' }>,
): Promise<unknown> {
  const { id, token } = receiptOf(settlement.delivery)
  if (settlement.kind === 'complete') return backend.moveToFinished(id, finishArgs(backend, shape, { id, token }))
  const { kind, delayMs, note } = settlement
  // The note lies where BullMQ keeps the reason of the last failure: stored by the same script, shown by Bull Board.
  return backend.moveToDelayed(id, 0, Math.ceil(Math.max(0, delayMs)), token, {
    skipAttempt: kind === 'release',
    ...(note === undefined ? {} : { fieldsToUpdate: { failedReason: note } }),
  })
}

/** Completed jobs vanish, or stay for the dedupe window. */
function finishArgs(backend: Backend, shape: QueueShape, { id, token }: Receipt): Move['finish'] {
  const keep = shape.dedupeMs > 0 ? { age: Math.ceil(shape.dedupeMs / 1_000) } : true
  const job = { id, opts: { attempts: 1 } } as unknown as Parameters<Backend['moveToCompletedArgs']>[0]
  return backend.moveToCompletedArgs(job, 'null', keep, token, false)
}

async function moveAll(
  parts: SettleParts,
  settlements: readonly Extract<Settlement, { kind: 'move' }>[],
): Promise<readonly SettleResult[]> {
  if (settlements.length === 0) return []
  const { context, backend, shape } = parts
  const call = { doing: 'move', queue: shape.name, writes: true }
  const moves: Move[] = []
  const refusals = await Promise.all(
    settlements.map(async ({ delivery, to, message }): Promise<SettleResult | null> => {
      try {
        await context.queues.shape(to)
        // a move is never refused for `unique`: that would lose it
        const { unique: _, ...plain } = message
        const refusal = refusalOf(plain, to)
        if (refusal !== null) return refusal
      } catch (error) {
        return faultOf(context, error, call)
      }
      const receipt = receiptOf(delivery)
      moves.push({
        ...receipt,
        from: backend,
        to: context.queues.backend(to),
        message,
        finish: finishArgs(backend, shape, receipt),
      })
      return null
    }),
  )
  let answers: readonly SettleResult[] = []
  try {
    if (moves.length > 0) answers = await context.mover.move(moves)
  } catch (error) {
    const fault = faultOf(context, error, call)
    answers = moves.map(() => fault)
  }
  const byToken = new Map(moves.map(({ token }, index) => [token, answers[index]]))
  return settlements.map(({ delivery }, index) => refusals[index] ?? byToken.get(receiptOf(delivery).token) ?? 'lost')
}
