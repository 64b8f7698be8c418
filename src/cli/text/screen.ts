import { fitting, textWidth } from './text-width.js'

const ENTER = '\u001b[?1049h\u001b[?25l' // the alternate screen, no cursor
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const TO_LINE_END = '\u001b[K'
const TO_SCREEN_END = '\u001b[J'
// A terminal that knows these shows everything between them at once; others ignore them.
const BEGIN = '\u001b[?2026h'
const END = '\u001b[?2026l'

/** Takes the whole terminal until it is disposed of. The former content comes back, however the process ends. */
export class Screen implements Disposable {
  readonly #output = process.stdout
  readonly #input = process.stdin
  readonly #onKeys: (keys: string) => void
  readonly #onResize: () => void
  readonly #restore = (): void => this[Symbol.dispose]()
  #open = true

  /**
   * @param onKeys - called with what is typed
   * @param onResize - called when the terminal has another size
   */
  constructor(onKeys: (keys: string) => void, onResize: () => void) {
    this.#onKeys = onKeys
    this.#onResize = onResize
    this.#output.write(ENTER)
    if (this.#input.isTTY) {
      this.#input.setRawMode(true)
      this.#input.setEncoding('utf8').on('data', onKeys).resume()
    }
    this.#output.on('resize', onResize)
    process.once('exit', this.#restore)
  }

  get rows(): number {
    return sizeOr(24, this.#output.rows)
  }

  get columns(): number {
    return sizeOr(80, this.#output.columns)
  }

  /** Shows `lines` from the top, each cut to the terminal's width. Nothing is cleared first, so nothing flickers. */
  draw(lines: readonly string[]): void {
    const { rows, columns } = this
    const shown = lines.slice(0, rows).map((line) => cut(line, columns) + TO_LINE_END)
    this.#output.write(`${BEGIN}${HOME}${shown.join('\r\n')}${TO_SCREEN_END}${END}`)
  }

  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    process.off('exit', this.#restore)
    this.#output.off('resize', this.#onResize)
    if (this.#input.isTTY) {
      this.#input.off('data', this.#onKeys).pause()
      this.#input.setRawMode(false)
    }
    this.#output.write(LEAVE)
  }
}

/** Returns `size`, or `usual` if it is unknown: a serial line, or a terminal opened by a program, may report 0. */
export function sizeOr(usual: number, size: number | undefined): number {
  return size === undefined || size === 0 ? usual : size
}

/** Cuts `line` to `width` columns. Its style codes take no room and are kept. */
export function cut(line: string, width: number): string {
  let room = width
  return line.replace(/\u001b\[[\d;]*m|[^\u001b]+/gu, (piece) => {
    if (piece.startsWith('\u001b')) return piece
    const shown = fitting(piece, room)
    // After a piece that did not fit, nothing else is shown.
    room = shown === piece ? room - textWidth(shown) : 0
    return shown
  })
}
