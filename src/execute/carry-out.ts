import { conduct } from './conductor.js'
import type { Run } from './run/run.js'

/** Has a run carried out: here, or where its option `on` says. */
export function carryOut(run: Run): void {
  if (run.carrier === undefined) conduct(run)
  else run.carrier.carry(run)
}
