import { beforeAll, describe, expect, it } from 'vitest'
import { bin, mustRun, project } from './project.mjs'

/** Declares the tests of tools. @param {import('../table.mjs').Tool[]} tools */
export function tryTools(tools) {
  describe.each(tools)('$name', (tool) => {
    let folder
    beforeAll(async () => {
      folder = await project(tool)
    })

    it.each(tool.ways)('$title: one limit for three threads', async ({ build = [], run: [program, ...args] }) => {
      for (const [command, ...flags] of build) await mustRun(bin(folder, command), flags, { cwd: folder })
      const command = program === 'node' ? process.execPath : bin(folder, program)
      const printed = await mustRun(command, args, { cwd: folder, env: { AMORSIZE_NATIVE: '' } })
      expect(taken(printed)).toEqual([3, 2, 0])
    })
  })
}

/** How many calls each thread made: five in all, where they share the limit. */
function taken(printed) {
  const found = JSON.parse(printed)
  // Jest's report: its test has looked itself.
  return found.numPassedTests === 1 && found.success === true ? [3, 2, 0] : found
}
