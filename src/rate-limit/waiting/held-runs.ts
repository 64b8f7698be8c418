import { type Axis, moved } from '../../memory/shared/axis.js'

/** A stretch of the axis: units from `from` on, before `to`. */
interface Run {
  from: number
  to: number
}

/** The stretches of a bucket's axis that one queue holds for its callers, in order. They are whole units, which nobody else has. */
export class HeldRuns {
  #runs: Run[] = []
  #total = 0

  /** Units held. */
  get total(): number {
    return this.#total
  }

  /** The last stretch. */
  get last(): Readonly<Run> | undefined {
    return this.#runs.at(-1)
  }

  /** Adds a stretch beyond all others. */
  add(from: number, to: number): void {
    const last = this.#runs.at(-1)
    if (last?.to === from) last.to = to
    else this.#runs.push({ from, to })
    this.#total += to - from
  }

  /** Adds a stretch at its place among the others; it shares no unit with them. */
  insert(from: number, to: number): void {
    let index = this.#runs.length
    while (index > 0 && (this.#runs[index - 1] as Run).from > from) index--
    this.#runs.splice(index, 0, { from, to })
    this.#total += to - from
  }

  /** Where the first `units` end; Infinity if fewer are held. */
  endOf(units: number): number {
    let left = units
    for (const { from, to } of this.#runs) {
      if (to - from >= left) return from + left
      left -= to - from
    }
    return Infinity
  }

  /** Removes the first `units`, which a caller has got. */
  use(units: number): void {
    let left = units
    while (left > 0) {
      const run = this.#runs[0]
      if (run === undefined) return
      const used = Math.min(left, run.to - run.from)
      run.from += used
      left -= used
      this.#total -= used
      if (run.from === run.to) this.#runs.shift()
    }
  }

  /** Removes the units before `place`, which are too old. */
  dropBelow(place: number): void {
    for (let run = this.#runs[0]; run !== undefined && run.from < place; run = this.#runs[0]) {
      const end = Math.min(place, run.to)
      this.#total -= end - run.from
      run.from = end
      if (run.from < run.to) return
      this.#runs.shift()
    }
  }

  /** Removes the last `units` of the last stretch. */
  shorten(units: number): void {
    const last = this.#runs.at(-1)
    if (last === undefined) return
    last.to -= units
    this.#total -= units
    if (last.from >= last.to) this.#runs.pop()
  }

  /** How many units are held beyond `place`. */
  beyond(place: number): number {
    let units = 0
    for (const { from, to } of this.#runs) units += Math.max(0, to - Math.max(from, place))
    return units
  }

  /** Finds the same places on another axis. */
  moveTo(from: Axis, to: Axis): void {
    const runs = this.#runs.map((run) => ({ from: moved(run.from, from, to), to: moved(run.to, from, to) }))
    this.#runs = runs.filter((run) => run.from < run.to)
    this.#total = this.#runs.reduce((sum, run) => sum + run.to - run.from, 0)
  }

  clear(): void {
    this.#runs = []
    this.#total = 0
  }
}
