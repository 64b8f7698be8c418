// Measures a server under more load than it can bear: node overload-case.mjs <guard> <processes> <factor> <seconds>
import { reportToParent } from '../../dist/cli/child-process.js'
import { overload } from './overload.mjs'

const [guard, processes, factor, seconds] = process.argv.slice(2)
await reportToParent(() =>
  overload(guard, { processes: Number(processes), factor: Number(factor), seconds: Number(seconds), settleSeconds: 2 }),
)
