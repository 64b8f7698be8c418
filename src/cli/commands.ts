import type { Command } from 'commander'
import { benchCommand } from './bench-command.js'
import { executeCommand } from './execute-command.js'
import { metricsCommand } from './metrics-command.js'
import { optimizeCommand } from './optimize-command.js'
import { runCommand } from './run-command.js'
import { shmCommand } from './shm-command.js'
import { systemCommand } from './system-command.js'
import { topCommand } from './top-command.js'
import { validateCommand } from './validate-command.js'
import { workerCommand } from './worker-command.js'

/** Every subcommand, in the order `amorsize --help` lists them. To add one: write its file, add it here. */
export const commands: readonly (() => Command)[] = [
  executeCommand,
  optimizeCommand,
  validateCommand,
  workerCommand,
  systemCommand,
  runCommand,
  topCommand,
  metricsCommand,
  shmCommand,
  benchCommand,
]
