/** Types for the test of tally.mjs, whose documentation is there. */
export class Tally {
  passed: number
  failed: number
  skipped: number
  add(name: string, counts: { passed?: number; failed?: number; skipped?: number }): void
  command(name: string, result: { code: number }): void
  printedCounts(name: string, result: { code: number; stdout: string }): void
  print(): void
}
