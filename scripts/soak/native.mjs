// The native tests, twenty times longer, and the explorations that take minutes.
import { join } from 'node:path'
import { root } from '../support/project.mjs'
import { run } from '../support/run.mjs'

const { code } = await run(process.execPath, [join(root, 'scripts', 'native-tests.mjs'), '--soak'])
process.exitCode = code
