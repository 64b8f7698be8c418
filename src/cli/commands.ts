import type { Command } from 'commander'
import { benchCommand } from './bench-command.js'
import { shmCommand } from './shm-command.js'
import { systemCommand } from './system-command.js'
import { topCommand } from './top-command.js'

/** Every subcommand, in the order `amorsize --help` lists them. To add one: write its file, add it here. */
export const commands: readonly (() => Command)[] = [benchCommand, systemCommand, topCommand, shmCommand]
