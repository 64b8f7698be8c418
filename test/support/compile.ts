import { normalize } from 'node:path'
import ts60 from 'typescript'
import ts59 from 'typescript-5.9'

/** A version of TypeScript. */
export type Compiler = typeof ts60

/** The oldest and the newest that users have. Two versions of the same interface, which the compiler does not take for one. */
export const compilers: readonly (readonly [version: string, compiler: Compiler])[] = [
  ['5.9', ts59 as unknown as Compiler],
  ['6.0', ts60],
]

/** What each compiler has read: the files of the language and of Node, which take longer than those under test. */
const read = new Map<Compiler, Map<string, ts60.SourceFile | undefined>>()

/**
 * Compiles modules of users as strictly as `tsc --strict` does. Looks for faults in these alone: the declarations of the package are checked by
 * themselves in test/package.
 *
 * @param files - their paths
 * @param options - beside those of every module; `noEmit` unless there is an `outDir`
 * @param texts - of files that are not on the disk
 * @returns the faults, each with its place
 */
export function compile(
  ts: Compiler,
  files: readonly string[],
  options: ts60.CompilerOptions = {},
  texts: ReadonlyMap<string, string> = new Map(),
): string[] {
  const complete = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    types: ['node'],
    noEmit: options.outDir === undefined,
    ...options,
  }
  const program = ts.createProgram(files, complete, hostOf(ts, complete, texts))
  const found = files.flatMap((file) => {
    const source = program.getSourceFile(file)
    if (source === undefined) throw new Error(`${file} has not been read`)
    // One by one: to emit a program as a whole is to check all of it.
    const { diagnostics } = program.emit(source)
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source), ...diagnostics]
  })
  const faults = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics(), ...found]
  return faults.map((fault) => {
    const text = ts.flattenDiagnosticMessageText(fault.messageText, '\n')
    const { file, start } = fault
    if (file === undefined || start === undefined) return text
    const line = file.getLineAndCharacterOfPosition(start).line
    return `${file.fileName}:${line + 1} ${text} at: ${file.text.split('\n')[line]?.trim() ?? ''}`
  })
}

/** Reads from the disk, packages once. Every program here has the same target and kind of modules, on which what was read depends. */
function hostOf(ts: Compiler, options: ts60.CompilerOptions, texts: ReadonlyMap<string, string>): ts60.CompilerHost {
  const host = ts.createCompilerHost(options)
  const known = read.get(ts) ?? new Map<string, ts60.SourceFile | undefined>()
  read.set(ts, known)
  const { readFile, fileExists, getSourceFile } = host
  // The compiler writes paths with slashes on every system.
  host.readFile = (name) => texts.get(normalize(name)) ?? readFile(name)
  host.fileExists = (name) => texts.has(normalize(name)) || fileExists(name)
  host.getSourceFile = (name, ...how) => {
    if (!name.includes('/node_modules/')) return getSourceFile(name, ...how)
    if (!known.has(name)) known.set(name, getSourceFile(name, ...how))
    return known.get(name)
  }
  return host
}
