import type { Command } from 'commander'

/** Refuses a flag that has no meaning without another one, if it was given. */
export function requireWith(command: Command, flag: string, other: string): void {
  if (command.getOptionValueSource(flag) === 'cli' && command.getOptionValue(other) !== true)
    command.error(`error: option '--${flag}' needs '--${other}'`)
}
