import type { SingleBar } from 'cli-progress'
import { formatCount, formatNumber } from './number-text.js'

/** The numbers that a bar shows. */
export interface BarState {
  readonly completed: number
  readonly failed: number
  readonly total: number | null
  readonly itemsPerSecond: number
  readonly elapsedMs: number
  readonly etaMs: number | null
}

/** A bar on a terminal. */
export interface ProgressBar {
  update(state: BarState): void
  /** Leaves the last state on the screen. */
  stop(): void
}

/** Returns a bar with rate and time left if `stream` is a terminal, and only then loads the library; else null. */
export async function openProgressBar(
  stream: NodeJS.WritableStream & { isTTY?: boolean },
): Promise<ProgressBar | null> {
  if (stream.isTTY !== true) return null
  const { default: cliProgress } = await import('cli-progress')
  const bar = new cliProgress.SingleBar({
    stream,
    format: (_options, _params, payload: { readonly state: BarState }) => barLine(payload.state),
    // The library would take over Ctrl-C, and a bar that is never stopped would leave the terminal without a cursor.
    gracefulExit: false,
    hideCursor: false,
  })
  return new TerminalBar(bar)
}

class TerminalBar implements ProgressBar {
  readonly #bar: SingleBar
  #started = false

  constructor(bar: SingleBar) {
    this.#bar = bar
  }

  update(state: BarState): void {
    const done = state.completed + state.failed
    if (!this.#started) this.#bar.start(state.total ?? done, done, { state })
    this.#started = true
    this.#bar.update(done, { state })
  }

  stop(): void {
    if (this.#started) this.#bar.stop()
  }
}

const BAR_WIDTH = 30

/** Returns the line of a bar: how far, how many, how fast, how much longer. */
export function barLine(state: BarState): string {
  const { completed, failed, total, itemsPerSecond, elapsedMs, etaMs } = state
  const done = completed + failed
  const parts: string[] = []
  if (total === null) parts.push(`${formatCount(done)} items`)
  else {
    const share = total === 0 ? 1 : Math.min(1, done / total)
    const full = Math.floor(share * BAR_WIDTH)
    parts.push(
      `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${Math.floor(100 * share)}%`,
      `${formatCount(done)}/${formatCount(total)}`,
    )
  }
  parts.push(`${formatNumber(itemsPerSecond)}/s`)
  if (failed > 0) parts.push(`${formatCount(failed)} failed`)
  parts.push(etaMs === null || etaMs === 0 ? formatDuration(elapsedMs) : `${formatDuration(etaMs)} left`)
  return parts.join(' | ')
}

/** Returns a time as people say it: 0:07, 12:40, 3:05:00. */
function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}
