import { type ChildProcess, spawn } from 'node:child_process'
import { messageOf } from '../internal/text/error-text.js'
import { onSignals } from './end-signals.js'

/** How {@link runChild} starts the process. */
export interface ChildOptions {
  /** Working directory; default: this process's. */
  readonly cwd?: string
  /** Variables added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>
  /** The child is killed after this many milliseconds; default 120 s. */
  readonly timeoutMs?: number
}

/** How many lines at the end of a failed child's output go into the error's message. */
const SHOWN_LINES = 12

/**
 * Runs one Node process to its end and returns what it sent with {@link reportToParent}.
 *
 * A measurement in its own process shares no compiled code, heap or timers with another one.
 *
 * @param args - arguments of the `node` executable: flags, program, the program's arguments
 * @returns what the child's work returned
 * @throws {Error} with the message of the child's own error; or, if it crashed or was killed, with the end of its output
 */
export function runChild(args: readonly string[], options: ChildOptions = {}): Promise<unknown> {
  const { cwd, env, timeoutMs = 120_000 } = options
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      // Otherwise coverage counters in the code would be measured, too.
      env: { ...process.env, NODE_V8_COVERAGE: undefined, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    let output = ''
    let message: ChildMessage | undefined
    const keep = (text: string): void => void (output = (output + text).slice(-8192))
    child.stdout?.setEncoding('utf8').on('data', keep)
    child.stderr?.setEncoding('utf8').on('data', keep)
    child.on('message', (received) => (message = received as ChildMessage))
    const letGo = endTogether(child)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      letGo()
      if (code !== 0 || message === undefined) reject(new Error(describeFailure(code, signal, output)))
      else if ('error' in message) reject(new Error(message.error))
      else resolve(message.result)
    })
  })
}

/**
 * Ends `child` when a signal ends this process. Otherwise a child in an endless loop would run for ever, with nobody left to stop it.
 *
 * @returns a function that undoes this
 */
function endTogether(child: ChildProcess): () => void {
  const letGo = onSignals((signal) => {
    letGo()
    child.kill('SIGKILL')
    // Without our listener the signal has its usual effect: it ends this process, unless another listener handles it.
    process.kill(process.pid, signal)
  })
  return letGo
}

/** A child's message: its result, or the error that prevented one. */
type ChildMessage = { readonly result: unknown } | { readonly error: string }

/**
 * Does `work` in a child of {@link runChild} and sends the result to the parent. Then it ends this process, even if a limiter left
 * timers behind.
 */
export async function reportToParent(work: () => Promise<unknown>): Promise<void> {
  const send = process.send?.bind(process)
  if (send === undefined) throw new Error('this program is started by another one and reports to it')
  let message: ChildMessage
  try {
    message = { result: await work() }
  } catch (error) {
    message = { error: messageOf(error) }
  }
  send(message, () => process.exit(0))
}

function describeFailure(code: number | null, signal: string | null, output: string): string {
  const how =
    signal === null
      ? code === 0
        ? 'ended without a result'
        : `ended with exit code ${code ?? 'unknown'}`
      : `was killed by ${signal}`
  const tail = output.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n')
  return tail === '' ? `the child process ${how}` : `the child process ${how}; its output ends with:\n${tail}`
}
