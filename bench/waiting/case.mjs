// Measures one row of the table: node case.mjs <id>
import { reportToParent } from '../../dist/cli/child-process.js'
import { measured, rowNamed } from './table.mjs'

await reportToParent(() => measured(rowNamed(process.argv[2])))
