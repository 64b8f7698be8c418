// Measures threads on one bucket: node case.mjs <mode> <threads> <milliseconds>
import { measureThreads } from '../../dist/cli/bench-threads.js'
import { reportToParent } from '../../dist/cli/child-process.js'

const [mode, threads, durationMs] = process.argv.slice(2)

await reportToParent(() => measureThreads(mode, Number(threads), Number(durationMs)))
