import type { Command } from 'commander'
import { benchCommand } from './bench-command.js'
import { executeCommand } from './execute-command.js'
import { optimizeCommand } from './optimize-command.js'
import { systemCommand } from './system-command.js'
import { validateCommand } from './validate-command.js'

/** Every subcommand, in the order `amorsize --help` lists them. To add one: write its file, add it here. */
export const commands: readonly (() => Command)[] = [benchCommand, executeCommand, optimizeCommand, systemCommand, validateCommand]
