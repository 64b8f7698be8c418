import type { Command, Help } from 'commander'

/** An option of a command as a person types it. */
export interface OptionOfCommand {
  readonly long: string
  readonly short: string | null
  readonly flags: string
  /** Description with choices and default, as in help. */
  readonly description: string
  /** The accepted values, if the option has a fixed list of them; else empty. */
  readonly choices: readonly string[]
}

/** A command and what it accepts. */
export interface CommandOfTree {
  readonly name: string
  /** Its arguments and options, as shown in the usage line. */
  readonly usage: string
  readonly description: string
  readonly summary: string
  readonly arguments: readonly Pick<OptionOfCommand, 'flags' | 'description'>[]
  readonly options: readonly OptionOfCommand[]
  readonly commands: readonly CommandOfTree[]
}

/** Lists the commands and options of a program without the hidden ones, for completion and the man page. */
export function commandTree(command: Command): CommandOfTree {
  const help: Help = command.createHelp()
  return {
    name: command.name(),
    usage: command.usage(),
    description: command.description(),
    summary: command.summary() === '' ? command.description() : command.summary(),
    arguments: help
      .visibleArguments(command)
      .map((argument) => ({ flags: help.argumentTerm(argument), description: help.argumentDescription(argument) })),
    options: help
      .visibleOptions(command)
      .map((option) => ({
        long: option.long ?? '',
        short: option.short ?? null,
        flags: option.flags,
        description: help.optionDescription(option),
        choices: option.argChoices ?? [],
      })),
    commands: help
      .visibleCommands(command)
      .filter((child) => child.name() !== 'help')
      .map(commandTree),
  }
}

/** The program that a command belongs to. */
export function programOf(command: Command): Command {
  return command.parent === null ? command : programOf(command.parent)
}
