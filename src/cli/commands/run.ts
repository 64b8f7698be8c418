import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { extname } from 'node:path'
import { isatty } from 'node:tty'
import { Command } from 'commander'
import { type SystemInfo, systemInfo } from '../../system/index.js'
import { onSignals } from '../end-signals.js'
import { numberThat } from '../numbers.js'
import { windowsStart } from '../windows-command.js'

interface RunCommandOptions {
  readonly heapShare: number
}

const MIB = 2 ** 20
const HEAP_FLAG = /--max[-_]old[-_]space[-_]size\b/
const SCRIPTS = new Set(['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'])
const share = numberThat((value) => value > 0 && value <= 1, 'a number above 0 and at most 1')
/** The exit codes that shells use. */
const EXIT_NOT_EXECUTABLE = 126
const EXIT_NOT_FOUND = 127
const isWindows = process.platform === 'win32'
/** Signals that are passed on. If there is a terminal, SIGINT is not: Ctrl-C reaches the program from the terminal directly. */
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']
/** Signals that a Windows console sends to the program directly. Passing them on would kill it before it can react. */
const OF_CONSOLE: readonly NodeJS.Signals[] = ['SIGINT', 'SIGBREAK', 'SIGHUP']

/** Makes the subcommand `amorsize run`. */
export function runCommand(): Command {
  return new Command('run')
    .description('run a program of Node with a heap that fits the memory limit of its container')
    .argument('<program...>', 'a script for Node, or a command such as npm start, with its arguments')
    .option('--heap-share <share>', 'part of the limit that the heap of JavaScript may take', share, 0.75)
    .passThroughOptions()
    .allowUnknownOption(false)
    .addHelpText('after', HELP)
    .action(async (program: string[], { heapShare }: RunCommandOptions, command: Command) => {
      if (program[0] === '') command.error("error: argument 'program' must be a script or a command; received ''")
      const heapMiB = heapFor(systemInfo().memory, heapShare)
      await runProgram(program, environmentWith(heapMiB, program, process.env))
    })
}

const HELP = `
Node chooses its heap by the memory of the machine, or by one limit of several: above the limit in force the kernel
kills without a word. With a heap that fits, a leak ends in an error of Node that says so. The rest is for buffers,
threads and code. Programs that the program starts get the same heap each: give each its share of the limit.

Sets --max-old-space-size in NODE_OPTIONS. A heap that is set there or in the arguments stays, and without a limit
Node chooses as ever. Signals go to the program; SIGINT only where none of its input and outputs is a terminal, which
tells it of Ctrl-C itself. On Windows the console tells it of Ctrl-C, Ctrl-Break and its end.

Exit codes: those of the program; 126 it cannot be executed, 127 it is not there, 2 wrong usage.`

/**
 * The heap size for a memory limit, in MiB.
 *
 * @returns undefined if nothing limits the process to less than the machine has
 */
export function heapFor(
  { effectiveLimitBytes, totalBytes }: Pick<SystemInfo['memory'], 'effectiveLimitBytes' | 'totalBytes'>,
  heapShare: number,
): number | undefined {
  if (effectiveLimitBytes === null || (totalBytes !== null && effectiveLimitBytes >= totalBytes)) return undefined
  return Math.max(1, Math.floor((effectiveLimitBytes * heapShare) / MIB))
}

/** The environment that gives the program this heap, unless a heap size is already set. */
export function environmentWith(
  heapMiB: number | undefined,
  program: readonly string[],
  environment: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const { NODE_OPTIONS = '' } = environment
  if (heapMiB === undefined || HEAP_FLAG.test(NODE_OPTIONS) || program.some((word) => HEAP_FLAG.test(word)))
    return environment
  return { ...environment, NODE_OPTIONS: `${NODE_OPTIONS} --max-old-space-size=${heapMiB}`.trim() }
}

/** Runs the program and ends as it does: with its exit code, or by the signal that ended it. */
async function runProgram(program: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const [command = '', ...args] = program
  const isScript = SCRIPTS.has(extname(command))
  if (isScript && !canRead(command)) {
    process.stderr.write(`amorsize run: there is no script ${command} that can be read\n`)
    process.exitCode = EXIT_NOT_FOUND
    return
  }
  const start = isScript ? { file: process.execPath, args: [command, ...args] } : startOf(command, args)
  if (typeof start === 'string') {
    report(start, command)
    return
  }
  const { file, args: words, ...how } = start
  const child = spawn(file, words, { env, stdio: 'inherit', ...how })
  const stop = passSignals(child)
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    stop()
    if (signal === null) process.exitCode = code ?? 0
    else process.kill(process.pid, signal)
  } catch (error) {
    stop()
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EACCES') throw error
    report(code, command)
  }
}

/** On Windows we resolve the command and quote its arguments ourselves: cmd.exe would take them apart. */
function startOf(command: string, args: readonly string[]): { file: string; args: readonly string[] } | Failure {
  if (!isWindows) return { file: command, args }
  const start = windowsStart(command, args, process.env)
  if (start === null) return 'ENOENT'
  return start === 'folder' ? 'EACCES' : start
}

type Failure = 'ENOENT' | 'EACCES'

function report(failure: Failure, command: string): void {
  const what = failure === 'ENOENT' ? 'there is no command' : 'this user may not execute'
  process.stderr.write(`amorsize run: ${what} ${command}\n`)
  process.exitCode = failure === 'ENOENT' ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE
}

function canRead(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

/** @returns a function that stops passing signals on; from then on they end this process as usual */
function passSignals(child: ChildProcess): () => void {
  if (isWindows) return onSignals(() => undefined, OF_CONSOLE)
  // Any of the three may be a pipe, as in `generate | amorsize run x.mjs | tee log`.
  const hasTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor))
  return onSignals((signal) => {
    if (signal !== 'SIGINT' || !hasTerminal) child.kill(signal)
  }, SIGNALS)
}
