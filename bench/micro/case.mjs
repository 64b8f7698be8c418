// Measures one case: node --expose-gc case.mjs <case id> <seconds>
import { reportToParent } from '../../dist/cli/child-process.js'
import { caseNamed } from '../decide/cases.mjs'
import { measureCase } from '../support/sample.mjs'

const [id, seconds] = process.argv.slice(2)

await reportToParent(() => measureCase(caseNamed(id), Number(seconds)))
