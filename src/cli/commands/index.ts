import type { Command } from 'commander'
import { benchCommand } from './bench.js'
import { compareCommand } from './compare.js'
import { completionCommand } from './completion.js'
import { executeCommand } from './execute.js'
import { historyCommand } from './history.js'
import { learnCommand } from './learn.js'
import { manCommand } from './man.js'
import { metricsCommand } from './metrics.js'
import { optimizeCommand } from './optimize.js'
import { runCommand } from './run.js'
import { shmCommand } from './shm.js'
import { systemCommand } from './system.js'
import { topCommand } from './top.js'
import { trialCommand } from './trial.js'
import { tuneCommand } from './tune.js'
import { validateCommand } from './validate.js'
import { watchCommand } from './watch.js'
import { workerCommand } from './worker.js'

/** Every subcommand, in the order of `amorsize --help`. To add one, write its file and list it here. */
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

/** Commands that only other commands call; help does not list them. */
export const hiddenCommands: readonly (() => Command)[] = [trialCommand]
