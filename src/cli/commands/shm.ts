import { unlinkSync } from 'node:fs'
import { Command, Option } from 'commander'
import { messageOf } from '../../internal/text/error-text.js'
import { KIND_TITLES, type MachineEntry, readMachine } from '../../memory/machine/view.js'
import { EXIT_USAGE } from '../exit-codes.js'
import { formatBytes } from '../text/system-table.js'
import { left, right, tableOf, textTable } from '../text/table.js'
import { holds, isNamed, shownName } from '../text/shown-name.js'
import { jsonLine, printable, stylesFor } from '../text/terminal.js'

interface ListOptions {
  readonly json?: boolean
}

interface RemoveOptions {
  readonly unused?: boolean
  readonly filter?: string
  readonly kind?: string
  readonly force?: boolean
}

/** Makes the subcommand `amorsize shm`. */
export function shmCommand(): Command {
  const command = new Command('shm').description('manage the shared memory of names with scope machine')
  command
    .command('list')
    .description('list the shared memory of this user on this machine')
    .option('--json', 'print one JSON object per name, one per line')
    .addHelpText('after', '\nNames of scope process live within their processes and cannot be seen from outside.')
    .action((options: ListOptions) => {
      const entries = readMachine()
      const json = (): string => entries.map(jsonLine).join('')
      process.stdout.write(options.json === true ? json() : formatList(entries))
    })
  command
    .command('remove')
    .description('remove the shared memory of a name, or what is left of it')
    .argument('[name]', "the name, its first part ('api' for 'api · perAddress'), or the file that list shows")
    .option('--unused', 'instead of a name: every name that no process uses')
    .option('--filter <text>', 'with --unused: only names that hold this text; case does not matter')
    .addOption(
      new Option('--kind <kind>', 'only of this kind, where several things have the name').choices(KIND_TITLES),
    )
    .option('--force', 'even while processes use it: they go on sharing it, new ones share another')
    .addHelpText('after', '\nExit codes: 0 removed, 1 there is no such name, or processes use it, 2 wrong usage.')
    .action(remove)
  return command
}

function formatList(entries: readonly MachineEntry[]): string {
  if (entries.length === 0) return 'No name of this user is in shared memory.\n'
  const table = tableOf(entries, [
    left('name', ({ name }) => shownName(name ?? '?')),
    left('kind', ({ kind }) => kind),
    left('state', ({ state }) => state),
    left('processes', ({ processes }) => (processes.length === 0 ? 'none' : processes.join(' '))),
    right('size', ({ bytes }) => formatBytes(bytes)),
    left('file', ({ file }) => file),
  ])
  return `${textTable(table, stylesFor(process.stdout).bold)}\n`
}

function remove(name: string | undefined, options: RemoveOptions, command: Command): void {
  if ((name === undefined) !== (options.unused === true))
    command.error("error: either a name or --unused is expected (missing required argument 'name')", {
      exitCode: EXIT_USAGE,
    })
  if (options.filter !== undefined && options.unused !== true)
    command.error('error: --filter goes with --unused: a name is removed by its whole name', { exitCode: EXIT_USAGE })
  const ofKind = readMachine().filter((entry) => options.kind === undefined || entry.kind === options.kind)
  const wanted = options.filter ?? ''
  const isWanted = (entry: MachineEntry): boolean => isUnused(entry) && holds(entry.name ?? '', wanted)
  unlinkAll(name === undefined ? ofKind.filter(isWanted) : findNamed(name, ofKind, options.force === true))
}

/** Whether no process uses this name of the user. A damaged or foreign entry never counts as unused: somebody may need it. */
export function isUnused({ name, state, processes }: MachineEntry): boolean {
  return name !== null && processes.length === 0 && (state === 'ready' || state === 'other-boot')
}

function findNamed(name: string, entries: readonly MachineEntry[], isForced: boolean): MachineEntry[] {
  const found = entries.filter((entry) => isNamed(entry.name ?? '?', name) || entry.file === name)
  if (found.length === 0)
    throw new Error(
      `no shared memory of this user has the name '${printable(name)}'; 'amorsize shm list' shows what there is`,
    )
  const used = found.filter((entry) => entry.processes.length > 0)
  if (used.length > 0 && !isForced) {
    const users = [...new Set(used.flatMap((entry) => entry.processes))]
    throw new Error(
      `'${printable(name)}' is used by process ${users.join(', ')}; stop it, or remove the name with --force`,
    )
  }
  return found
}

function unlinkAll(entries: readonly MachineEntry[]): void {
  const failures: string[] = []
  for (const entry of entries) {
    try {
      unlinkSync(entry.file)
      process.stdout.write(`removed ${entry.kind} '${printable(shownName(entry.name ?? entry.file))}'\n`)
    } catch (error) {
      failures.push(`${entry.file} cannot be removed (${messageOf(error)})`)
    }
  }
  if (failures.length > 0) throw new Error(failures.join('; '))
}
