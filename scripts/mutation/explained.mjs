// Survivors that no test can notice, each with the reason; docs/mutation.md prints it behind them.

/** @type {readonly { file?: RegExp, mutant: RegExp, why: string }[]} the first that fits a survivor, as the table names it */
export const EXPLAINED = [
  { mutant: /`true` in `(else )?if \(.*isHeard\)/, why: 'spares the payload of an event that nobody would get' },
]

/** Why no test can notice a survivor; undefined where nobody has found a reason. */
export function whyAlive(file, mutant) {
  return EXPLAINED.find((each) => (each.file === undefined || each.file.test(file)) && each.mutant.test(mutant))?.why
}
