// Measures threads on one bucket: node case.mjs <mode> <threads> <milliseconds>
import { reportToParent } from '../../dist/cli/child-process.js'
import { measureThreads } from '../decide/threads.mjs'

const [mode, threads, durationMs] = process.argv.slice(2)

await reportToParent(() => measureThreads(mode, Number(threads), Number(durationMs)))
