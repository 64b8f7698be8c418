// Times one subject: the median of single calls.
import { reportToParent } from '../../dist/cli/child-process.js'
import { subjects } from './subjects.mjs'

await reportToParent(async () => {
  const { ask, times } = subjects.find(({ id }) => id === process.argv[2])
  const samples = []
  for (let i = 0; i < times + Math.ceil(times / 5); i++) {
    const started = process.hrtime.bigint()
    await ask()
    samples.push(Number(process.hrtime.bigint() - started) / 1000)
  }
  // The first ones warm up.
  const measured = samples.slice(-times).sort((a, b) => a - b)
  return { us: measured[Math.floor(times / 2)] }
})
