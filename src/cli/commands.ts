import type { Command } from 'commander'
import { benchCommand } from './bench-command.js'
import { compareCommand } from './compare-command.js'
import { completionCommand } from './completion-command.js'
import { executeCommand } from './execute-command.js'
import { historyCommand } from './history-command.js'
import { learnCommand } from './learn-command.js'
import { manCommand } from './man-command.js'
import { metricsCommand } from './metrics-command.js'
import { optimizeCommand } from './optimize-command.js'
import { runCommand } from './run-command.js'
import { shmCommand } from './shm-command.js'
import { systemCommand } from './system-command.js'
import { topCommand } from './top-command.js'
import { trialCommand } from './trial-command.js'
import { tuneCommand } from './tune-command.js'
import { validateCommand } from './validate-command.js'
import { watchCommand } from './watch-command.js'
import { workerCommand } from './worker-command.js'

/** Every subcommand, in the order `amorsize --help` lists them. To add one: write its file, add it here. */
export const commands: readonly (() => Command)[] = [
  executeCommand,
  optimizeCommand,
  tuneCommand,
  compareCommand,
  watchCommand,
  historyCommand,
  validateCommand,
  workerCommand,
  systemCommand,
  runCommand,
  topCommand,
  metricsCommand,
  shmCommand,
  benchCommand,
  learnCommand,
  completionCommand,
  manCommand,
]

/** What only other commands call; no help lists it. */
export const hiddenCommands: readonly (() => Command)[] = [trialCommand]
