import type { Socket } from 'node:net'
import type { CutKind, Direction, ProxyFaults } from './fault-proxy.ts'

/** What a pipe is made of. */
export interface PipeParts {
  readonly direction: Direction
  readonly from: Socket
  readonly to: Socket
  faults(): ProxyFaults
  /** How many of these bytes may go, and whether the connection is cut after them. */
  allow(bytes: number): { readonly bytes: number; readonly cut?: CutKind }
  cut(how: CutKind): void
}

interface Piece {
  readonly bytes: Buffer
  /** Not before this, on performance.now. */
  readonly dueAt: number
}

const HEAD_BYTES = 512
/** Above this many waiting bytes the sender is paused. */
const HIGH_WATER_BYTES = 1 << 20

/** One direction of one connection: bytes wait in order until they are due, then go on in pieces. */
export class Pipe {
  head: Buffer = Buffer.alloc(0)
  forwarded = 0
  swallowed = 0
  readonly #parts: PipeParts
  #queue: Piece[] = []
  #waiting = 0
  #ended = false
  #stopped = false
  #timer: NodeJS.Timeout | undefined
  /** When the bytes-per-second budget allows the next byte. */
  #freeAt = 0
  #drained = true

  constructor(parts: PipeParts) {
    this.#parts = parts
    parts.from.on('data', (bytes: Buffer) => this.#take(bytes))
    parts.from.on('end', () => {
      this.#ended = true
      this.#move()
    })
    parts.to.on('drain', () => {
      this.#drained = true
      this.#move()
    })
  }

  /** Forgets what waits. */
  stop(): void {
    this.#stopped = true
    this.#queue = []
    clearTimeout(this.#timer)
  }

  /** Looks again, after the faults changed. */
  wake(): void {
    this.#move()
  }

  #take(bytes: Buffer): void {
    if (this.#stopped) return
    if (this.head.length < HEAD_BYTES) this.head = Buffer.concat([this.head, bytes]).subarray(0, HEAD_BYTES)
    const { halfOpen, accept, delayMs } = this.#parts.faults()
    if (accept !== 'hang' && (halfOpen === 'both' || halfOpen === this.#parts.direction)) {
      this.swallowed += bytes.length
      return
    }
    this.#queue.push({ bytes, dueAt: performance.now() + delayMs })
    this.#waiting += bytes.length
    if (this.#waiting > HIGH_WATER_BYTES) this.#parts.from.pause()
    this.#move()
  }

  #move(): void {
    clearTimeout(this.#timer)
    while (!this.#stopped && this.#drained) {
      const { accept, sliceBytes, bytesPerSecond } = this.#parts.faults()
      const piece = this.#queue[0]
      if (piece === undefined) break
      const now = performance.now()
      if (accept === 'hang') return // until wake
      const waitMs = Math.max(piece.dueAt, this.#freeAt) - now
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#move(), Math.min(waitMs, 1_000))
        return
      }
      let size = piece.bytes.length
      if (sliceBytes > 0) size = Math.min(size, sliceBytes)
      // ten portions a second at least, so that a low limit is slow rather than bursty
      if (bytesPerSecond > 0) size = Math.min(size, Math.max(1, Math.floor(bytesPerSecond / 10)))
      this.#forward(piece, size)
      if (bytesPerSecond > 0) this.#freeAt = Math.max(now, this.#freeAt) + (size / bytesPerSecond) * 1_000
      // a turn of the loop between slices, or the kernel glues them together again
      else if (sliceBytes > 0 && this.#queue.length > 0) {
        this.#timer = setTimeout(() => this.#move(), 0)
        return
      }
    }
    if (this.#ended && this.#queue.length === 0 && !this.#stopped) this.#parts.to.end()
  }

  #forward(piece: Piece, size: number): void {
    const allowed = this.#parts.allow(size)
    const part = piece.bytes.subarray(0, allowed.bytes)
    const rest = piece.bytes.subarray(allowed.bytes)
    if (rest.length === 0) this.#queue.shift()
    else this.#queue[0] = { bytes: rest, dueAt: piece.dueAt }
    this.#waiting -= part.length
    if (this.#waiting <= HIGH_WATER_BYTES && this.#parts.from.isPaused()) this.#parts.from.resume()
    this.forwarded += part.length
    const { cut } = allowed
    if (cut === undefined) {
      if (part.length > 0) this.#drained = this.#parts.to.write(part)
      return
    }
    this.#queue = []
    // the last bytes have to leave before the connection is reset
    if (part.length === 0) this.#parts.cut(cut)
    else this.#parts.to.write(part, () => this.#parts.cut(cut))
    this.#drained = false
  }
}
