// Measures one case: node --expose-gc case.mjs <case id> <seconds>
import { reportToParent } from '../../dist/cli/child-process.js'
import { measureCase } from '../support/sample.mjs'
import { cases } from './cases.mjs'

const [id, seconds] = process.argv.slice(2)

await reportToParent(() =>
  measureCase(
    cases.find((each) => each.id === id),
    Number(seconds),
  ),
)
