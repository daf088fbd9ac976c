/** One effect, as the service that it reached saw it. */
export interface SeenEffect {
  readonly sink: string
  /** What must happen once; taken from the content of what arrived. */
  readonly key: string
  /** The idempotency key that came with it, or null. */
  readonly token: string | null
  readonly job: string | null
  readonly pid: number | null
}

/** Whoever writes down what reached the services; answers false for a token that it has seen before. */
export interface EffectRecorder {
  record(effect: SeenEffect): Promise<boolean>
}

/** A book of effects in memory, for demonstrations and tests; a chaos run brings its own. */
export class EffectBook implements EffectRecorder {
  /** What had an effect. */
  readonly applied: SeenEffect[] = []
  /** What was recognised as a repetition. */
  readonly repeated: SeenEffect[] = []
  readonly #tokens = new Set<string>()

  async record(effect: SeenEffect): Promise<boolean> {
    const token = effect.token === null ? null : `${effect.sink} ${effect.token}`
    const again = token !== null && this.#tokens.has(token)
    if (token !== null) this.#tokens.add(token)
    const list = again ? this.repeated : this.applied
    list.push(effect)
    return !again
  }

  /** Keys that had an effect at `sink`, in order. */
  keys(sink: string): readonly string[] {
    return this.applied.filter((effect) => effect.sink === sink).map(({ key }) => key)
  }
}
