/** Which job and process a request says it comes from: for people only, nothing is decided by it. */
export function senderOf(job: unknown, worker: unknown): { readonly job: string | null; readonly pid: number | null } {
  const pid = typeof worker === 'string' ? Number(worker) : Number.NaN
  return { job: typeof job === 'string' ? job : null, pid: Number.isSafeInteger(pid) && pid > 0 ? pid : null }
}
