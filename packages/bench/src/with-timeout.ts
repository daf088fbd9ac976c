/** What a careful user of a bare library writes around each handler: a deadline, and no timer left behind. */
export async function withTimeout<Value>(run: () => Promise<Value> | Value, timeoutMs = 300_000): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`ran longer than ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([run(), late])
  } finally {
    clearTimeout(timer)
  }
}
