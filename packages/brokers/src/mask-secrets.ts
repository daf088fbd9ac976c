/** Replaces the password in every URL of a text by `***`. */
export function maskSecrets(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi, '$1:***@')
}
