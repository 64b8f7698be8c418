// Compiles what the demo runs. Only what fails is shown: the output is the demo's.
import { npm } from '../support/run.mjs'

process.stderr.write('compiling …\n')
for (const part of ['compile:native', 'compile:ts']) {
  const { code, output } = await npm(['run', part, '--silent'], { quiet: true })
  if (code === 0) continue
  process.stderr.write(output)
  process.exit(code)
}
