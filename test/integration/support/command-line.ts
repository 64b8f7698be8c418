import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The program as users have it: one file, which starts in less than half the time of the modules it is made of. */
export const main = fileURLToPath(new URL('../../../dist/bundle/cli.cjs', import.meta.url))

/** How a run of the command line ended. */
export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of this repository with Node; never rejects for an exit code. */
export function runNode(args: readonly string[], cwd?: string): Promise<CliResult> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stdout, stderr })
    })
  })
}

/** Runs `amorsize` with `args`. */
export function amorsize(args: readonly string[], cwd?: string): Promise<CliResult> {
  return runNode([main, ...args], cwd)
}
