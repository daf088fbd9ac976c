/**
 * The suite cannot even begin. `definition`: the module is not a subject, or a wrong one (mend it); `infrastructure`: its broker
 * did not start. Neither is ever a skip.
 */
export class SubjectUnusable extends Error {
  override readonly name = 'SubjectUnusable'
  readonly fault: 'definition' | 'infrastructure'

  constructor(fault: 'definition' | 'infrastructure', message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.fault = fault
  }
}
