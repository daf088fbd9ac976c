import Table from 'cli-table3'

/** A number for people: whole from a hundred on. */
export function shown(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2)
}

/** A plain table; `right` are the columns of numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], right: readonly number[]): string {
  const drawn = new Table({
    head: [...head],
    style: { head: [], border: [] },
    colAligns: head.map((_, index) => (right.includes(index) ? 'right' : 'left')),
  })
  for (const row of rows) drawn.push([...row])
  return drawn.toString()
}
