import { spawnSync } from 'node:child_process'

/** Python has what opens a terminal. */
export const hasPython = process.platform !== 'win32' && spawnSync('python3', ['--version']).status === 0

const PROGRAM = `
import os, pty, select, sys, time
input_is, awaited, keys = sys.argv[1:4]
pid, terminal = pty.fork()
if pid == 0:
    if input_is == 'pipe': os.dup2(os.pipe()[0], 0)
    os.execvp(sys.argv[4], sys.argv[4:])
text = b''
deadline = time.time() + 10
try:
    while True:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready: text += os.read(terminal, 10000)
        if keys and (awaited.encode() in text or time.time() > deadline):
            os.write(terminal, keys.encode())
            keys = ''
except OSError:
    pass # The terminal has been closed.
sys.stdout.buffer.write(text)
`

/**
 * Runs Node on a terminal, whose size nobody tells, and types `keys` once it shows `awaited`, or after ten seconds.
 *
 * @returns what the terminal got
 */
export function onTerminal(
  args: readonly string[],
  { awaited, keys, input = 'terminal' }: { awaited: string; keys: string; input?: 'terminal' | 'pipe' },
): string {
  const all = ['-c', PROGRAM, input, awaited, keys, process.execPath, ...args]
  return spawnSync('python3', all, { encoding: 'utf8', timeout: 30_000 }).stdout
}
