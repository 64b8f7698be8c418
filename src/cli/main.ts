#!/usr/bin/env node
import { EXIT_FAILURE } from './exit-codes.js'
import { run } from './program.js'

// Whoever reads the output may stop early, as `head` does: then there is nobody left to write for. A full disk is a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  process.stderr.write(`amorsize: standard output cannot be written: ${error.message}\n`)
  process.exit(EXIT_FAILURE)
})
// Nobody can be told then.
process.stderr.on('error', () => process.exit(EXIT_FAILURE))

void run(process.argv)
