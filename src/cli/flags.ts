import type { Command } from 'commander'

/** Refuses a flag that says nothing without another, where somebody gave it. */
export function requireWith(command: Command, flag: string, other: string): void {
  if (command.getOptionValueSource(flag) === 'cli' && command.getOptionValue(other) !== true)
    command.error(`error: option '--${flag}' needs '--${other}'`)
}
