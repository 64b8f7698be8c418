// One way to run another program: what it prints is shown at once, kept, and its exit code returned.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { root } from './project.mjs'

/**
 * Runs a program without a shell and waits for its end.
 *
 * @param {string} command - a program on PATH or its full path
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean }} [options] - quiet: keep the output, show nothing
 * @returns {Promise<{ code: number, stdout: string, output: string }>} code 128 + n for an end by signal; output holds both streams
 */
export function run(command, args, { cwd = root, env = process.env, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
      output += text
      if (!quiet) process.stdout.write(text)
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      output += text
      if (!quiet) process.stderr.write(text)
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      resolve({ code: code ?? 128 + constants.signals[signal], stdout, output })
    })
  })
}

/**
 * Runs one of npm's own commands or a package script, also where npm is a script of the shell (Windows).
 *
 * @param {string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 */
export function npm(args, options) {
  const cli = process.env.npm_execpath
  return cli?.endsWith('.js') ? run(process.execPath, [cli, ...args], options) : run('npm', args, options)
}

/** Like {@link run}, but an exit code other than 0 is an error that shows the output. */
export async function mustRun(command, args, options) {
  const result = await run(command, args, options)
  if (result.code === 0) return result
  const shown = options?.quiet === true ? `:\n${result.output}` : ''
  throw new Error(`${command} ${args.join(' ')} ended with exit code ${result.code}${shown}`)
}
