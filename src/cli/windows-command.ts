import { statSync } from 'node:fs'
import { extname, win32 } from 'node:path'

/** How to start a command on Windows. */
export interface WindowsStart {
  readonly file: string
  readonly args: readonly string[]
  /** Whether the arguments are quoted already, by the rules of cmd.exe. */
  readonly windowsVerbatimArguments: boolean
}

/** The type of a path; undefined if nothing is there. */
type Kind = 'file' | 'folder' | undefined

/** Extensions that Windows starts without cmd.exe. */
const PROGRAMS = new Set(['.exe', '.com'])
const USUAL_EXTENSIONS = '.COM;.EXE;.BAT;.CMD'
/** Characters that cmd.exe treats specially, even between quotes. */
const META = /([()\][%!^"`<>&|;, *?])/g
/** A batch file that npm has written for a package: it passes its arguments through cmd.exe again. */
const SHIM = /node_modules[\\/]\.bin[\\/][^\\/]+\.cmd$/i

/**
 * Finds a command as Windows does, in this folder and in those of PATH. A program is started directly; a batch file, such as npm,
 * through cmd.exe, with arguments quoted so that they arrive unchanged.
 *
 * @param env - its PATH, PATHEXT and ComSpec are used
 * @param kindOf - returns the type of a path
 * @returns null if there is no such command; 'folder' if it is a folder
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

/** Paths where the command may be; the first one that exists counts. */
function pathsOf(command: string, env: NodeJS.ProcessEnv): string[] {
  const extensions = (env['PATHEXT'] ?? USUAL_EXTENSIONS).split(';').filter((extension) => extension !== '')
  const isComplete = extensions.some((extension) => extension.toLowerCase() === extname(command).toLowerCase())
  const names = [...(isComplete ? [command] : []), ...extensions.map((extension) => command + extension)]
  if (/[\\/]/.test(command)) return names
  const folders = ['.', ...(env['PATH'] ?? '').split(';').filter((folder) => folder !== '')]
  return folders.flatMap((folder) => names.map((name) => win32.join(folder, name)))
}

/** Quotes `arg` for a program, then escapes it for cmd.exe: twice if a batch file passes it on, or if it holds a quotation mark. */
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
