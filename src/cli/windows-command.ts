import { statSync } from 'node:fs'
import { extname, win32 } from 'node:path'

/** How to start a command on Windows. */
export interface WindowsStart {
  readonly file: string
  readonly args: readonly string[]
  /** Whether the arguments are quoted already, by the rules of cmd.exe. */
  readonly windowsVerbatimArguments: boolean
}

/** The file at a path. */
type Kind = 'file' | 'folder' | undefined

/** Extensions that Windows starts without cmd.exe. */
const PROGRAMS = new Set(['.exe', '.com'])
const USUAL_EXTENSIONS = '.COM;.EXE;.BAT;.CMD'
/** Characters special to cmd.exe, also between quotes. */
const META = /([()\][%!^"`<>&|;, *?])/g
/** A batch file that npm has written for a package: it gives its arguments to cmd.exe once more. */
const SHIM = /node_modules[\\/]\.bin[\\/][^\\/]+\.cmd$/i

/**
 * Finds a command as Windows does, in this folder and in those of PATH. A program is started by itself; a batch file, such as npm, by cmd.exe,
 * with arguments that arrive there as they are.
 *
 * @param env - PATH, PATHEXT and ComSpec of it are used
 * @param kindOf - what is at a path
 * @returns null: there is no such command; 'folder': there is, but it is a folder
 */
export function windowsStart(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  kindOf: (path: string) => Kind = kindAt,
): WindowsStart | 'folder' | null {
  const file = pathsOf(command, env).find((path) => kindOf(path) === 'file')
  if (file === undefined) return kindOf(command) === 'folder' ? 'folder' : null
  if (PROGRAMS.has(extname(file).toLowerCase())) return { file, args, windowsVerbatimArguments: false }
  const isShim = SHIM.test(file)
  const line = [`"${win32.normalize(file)}"`, ...args.map((arg) => quoted(arg, isShim || arg.includes('"')))].join(' ')
  return { file: env['ComSpec'] ?? 'cmd.exe', args: ['/d', '/s', '/c', `"${line}"`], windowsVerbatimArguments: true }
}

/** Paths where the command may be; the first that exists is meant. */
function pathsOf(command: string, env: NodeJS.ProcessEnv): string[] {
  const extensions = (env['PATHEXT'] ?? USUAL_EXTENSIONS).split(';').filter((extension) => extension !== '')
  const isComplete = extensions.some((extension) => extension.toLowerCase() === extname(command).toLowerCase())
  const names = [...(isComplete ? [command] : []), ...extensions.map((extension) => command + extension)]
  if (/[\\/]/.test(command)) return names
  const folders = ['.', ...(env['PATH'] ?? '').split(';').filter((folder) => folder !== '')]
  return folders.flatMap((folder) => names.map((name) => win32.join(folder, name)))
}

/** An argument for cmd.exe, twice where a batch file gives it on and a quotation mark in it would end it, and then for the rules by which a program of Windows reads its command line. */
function quoted(arg: string, isReadTwice: boolean): string {
  const whole = `"${arg.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\*)$/, '$1$1')}"`.replace(META, '^$1')
  return isReadTwice ? whole.replace(META, '^$1') : whole
}

function kindAt(path: string): Kind {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file'
  } catch {
    return undefined
  }
}
