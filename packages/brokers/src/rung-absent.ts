/** A rung of the ladder that has nothing to offer here. The climb goes on; any other error ends it. */
export class RungAbsent extends Error {
  override readonly name = 'RungAbsent'
}
