// Measures one case: node --expose-gc case.mjs <case id> <seconds>
import { benchCase } from '../../dist/cli/bench-cases.js'
import { reportToParent } from '../../dist/cli/child-process.js'
import { measureCase } from '../support/sample.mjs'

const [id, seconds] = process.argv.slice(2)

await reportToParent(() => measureCase(benchCase(id), Number(seconds)))
