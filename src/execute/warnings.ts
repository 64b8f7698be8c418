/** What a person has been told of each task. */
export class Warnings {
  readonly #ofFunctions = new WeakMap<object, Set<string>>()
  readonly #ofNames = new Map<string, Set<string>>()

  /** Tells the person who runs the program, once for each task and kind of warning. */
  once(task: object | string, code: string, message: string): void {
    const codes =
      (typeof task === 'string' ? this.#ofNames.get(task) : this.#ofFunctions.get(task)) ?? new Set<string>()
    if (codes.has(code)) return
    codes.add(code)
    if (typeof task === 'string') this.#ofNames.set(task, codes)
    else this.#ofFunctions.set(task, codes)
    process.emitWarning(message, { type: 'AmorsizeWarning', code })
  }
}
