#!/usr/bin/env node
import { EXIT_FAILURE } from './exit-codes.js'
import { run } from './program.js'

// The reader of the output may stop early, as `head` does: that is no failure. A full disk is one.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  process.stderr.write(`amorsize: standard output cannot be written: ${error.message}\n`)
  process.exit(EXIT_FAILURE)
})
// If standard error fails, there is nowhere to report it.
process.stderr.on('error', () => process.exit(EXIT_FAILURE))

void run(process.argv).then(() => {
  // An abandoned item may never end, so the process exits after a second; its output can be written until then.
  if (process.exitCode !== undefined && process.exitCode !== 0) setTimeout(() => process.exit(), 1000).unref()
})
