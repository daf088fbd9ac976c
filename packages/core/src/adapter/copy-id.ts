import { uuidV5 } from '../runtime/uuid.ts'

export { uuidV5 } from '../runtime/uuid.ts'

/**
 * The broker id of a copy that core or an adapter makes of a message (composed retry and release, move, replay):
 * v5(id, n), so that no broker's dedupe can take the copy for the original, and repeating the same step makes the same id.
 */
export function copyId(id: string, step: string): string {
  return uuidV5(id, step)
}
