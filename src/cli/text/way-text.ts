import type { Considered } from '../../index.js'

/** A way to run a task, as reports and histories call it: `the loop`, `8 at once`, `2 workers, chunks of 16`. */
export function wayText({ mode, workers, chunkSize }: Pick<Considered, 'mode' | 'workers' | 'chunkSize'>): string {
  if (mode === 'serial') return 'the loop'
  return mode === 'async'
    ? `${workers} at once`
    : `${workers} worker${workers === 1 ? '' : 's'}, chunks of ${chunkSize}`
}
