/** Text as HTML or attribute content: names and payloads of jobs are hostile until proven otherwise. */
export function escapeHtml(text: unknown): string {
  return String(text).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** HTML that may be put into HTML as it is. */
export interface Markup {
  readonly markup: string
}

/** Builds HTML; every value is escaped unless it is Markup or a list of Markup. */
export function html(parts: TemplateStringsArray, ...values: readonly unknown[]): Markup {
  return { markup: parts.reduce((text, part, index) => `${text}${shown(values[index - 1])}${part}`) }
}

/** HTML that was written by us and holds nothing from outside. */
export function trusted(markup: string): Markup {
  return { markup }
}

function shown(value: unknown): string {
  if (value === null || value === undefined || value === false) return ''
  if (Array.isArray(value)) return value.map(shown).join('')
  if (typeof value === 'object' && 'markup' in value) return (value as Markup).markup
  return escapeHtml(value)
}
