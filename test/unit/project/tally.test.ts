import { expect, it } from 'vitest'
import { Tally } from '../../../scripts/support/tally.mjs'

it("takes a suite's last line of counts", () => {
  const tally = new Tally()
  tally.printedCounts('suite', { code: 0, stdout: '1 passed, 0 failed\nmore\n12 passed, 0 failed, 3 skipped\n' })
  expect(tally).toMatchObject({ passed: 12, failed: 0, skipped: 3 })
})

it.each([
  ['says nothing', { code: 0, stdout: 'fine\n' }],
  ['counts nothing', { code: 0, stdout: '0 passed, 0 failed\n' }],
  ['fails without counting the failure', { code: 1, stdout: '4 passed, 0 failed\n' }],
])('counts one failure for a suite that %s', (_what, result) => {
  const tally = new Tally()
  tally.printedCounts('suite', result)
  expect(tally.failed).toBe(1)
})

it('counts a command by its exit code', () => {
  const tally = new Tally()
  tally.command('good', { code: 0 })
  tally.command('bad', { code: 2 })
  expect(tally).toMatchObject({ passed: 1, failed: 1, skipped: 0 })
})
