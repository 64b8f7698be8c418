import type { Command, Help } from 'commander'

/** An option of a command as a person types it. */
export interface OptionOfCommand {
  readonly long: string
  readonly short: string | null
  readonly flags: string
  /** With choices and default, as help has them. */
  readonly description: string
  /** The values it takes, if they are few. */
  readonly choices: readonly string[]
}

/** A command and what it accepts. */
export interface CommandOfTree {
  readonly name: string
  /** Its arguments and options as usage shows them. */
  readonly usage: string
  readonly description: string
  readonly summary: string
  readonly arguments: readonly Pick<OptionOfCommand, 'flags' | 'description'>[]
  readonly options: readonly OptionOfCommand[]
  readonly commands: readonly CommandOfTree[]
}

/** Commands and options of a program, without hidden ones: for completion and the man page. */
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
