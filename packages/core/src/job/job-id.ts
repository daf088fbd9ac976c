import { uuidV5 } from '../runtime/uuid.ts'

/** Namespace of ids made from keys; drawn once at random and fixed for ever. */
const KEY_NAMESPACE = '6f1d0c52-5f0e-4c55-9a3e-2d1b7c0f9a41'

/** A key makes identity: the same (job name, key) is the same job id in every process and on every broker. */
export function keyedId(jobName: string, key: string): string {
  return uuidV5(KEY_NAMESPACE, `${jobName}\u0000${key}`)
}
