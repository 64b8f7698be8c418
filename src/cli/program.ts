import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { messageOf } from '../internal/text/error-text.js'
import { commands, hiddenCommands } from './commands/index.js'
import { EXIT_FAILURE, EXIT_USAGE } from './exit-codes.js'
import { ownVersion } from './project-packages.js'
import { printableLines } from './text/terminal.js'

/** Returns the program `amorsize` with all its subcommands. */
export function createProgram(): Command {
  const program = new Command('amorsize')
    .description(
      'Limits shared by all threads and processes, work spread over threads, and what the machine really has.',
    )
    .version(ownVersion(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    .helpOption('-h, --help', 'explain this command')
    .enablePositionalOptions()
    .showHelpAfterError('Run it with --help to see what it accepts.')
    .addHelpText('after', '\nExit codes: 0 success, 1 failure, 2 wrong usage.')
    .exitOverride()
  for (const create of commands) {
    program.addCommand(inherit(create(), program))
  }
  for (const create of hiddenCommands) program.addCommand(inherit(create(), program), { hidden: true })
  return program
}

/**
 * Copies settings to a command and its subcommands, which `addCommand` does not. It also refuses empty texts, which usually come
 * from an unset shell variable; an option that accepts one has a parser of its own.
 */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent).helpOption('-h, --help', 'explain this command')
  for (const option of command.options)
    if ((option.required || option.optional) && option.parseArg === undefined) option.argParser(filled)
  for (const argument of command.registeredArguments)
    if (!argument.variadic && argument.parseArg === undefined) argument.argParser(filled)
  for (const child of command.commands) inherit(child, command)
  return command
}

function filled(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.')
  return text
}

/** The words without a leading `help` if the next word is no command: commander would print its whole help instead of an error. */
function wordsFor(program: Command, [first, ...rest]: readonly string[]): readonly string[] {
  const [asked] = rest
  const isNone = asked !== undefined && program.commands.every((command) => command.name() !== asked)
  return first === 'help' && isNone ? rest : [first as string, ...rest]
}

/**
 * Runs the command line and sets `process.exitCode`: the command's own, 2 for wrong usage, or 1 for an error. The error's
 * message goes to standard error without a stack.
 *
 * @param argv - as `process.argv`: two leading words, then the arguments
 */
export async function run(argv: readonly string[]): Promise<void> {
  try {
    const program = createProgram()
    if (argv.length <= 2) {
      program.outputHelp({ error: true })
      process.exitCode = EXIT_USAGE
      return
    }
    await program.parseAsync(wordsFor(program, argv.slice(2)), { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version come as an error too, with exit code 0; commander has printed the message.
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE
      return
    }
    process.stderr.write(`amorsize: ${printableLines(messageOf(error))}\n`)
    process.exitCode = EXIT_FAILURE
  }
}
