import { Command } from 'commander'
import { MAX_TIMER_MS } from '../../internal/time/clock.js'
import { type SystemInfo, systemInfo } from '../../system/index.js'
import { untilInterrupted } from '../end-signals.js'
import { requireWith } from '../flags.js'
import { integerFrom } from '../numbers.js'
import { formatSystemInfo } from '../text/system-table.js'

interface SystemOptions {
  readonly json?: boolean
  readonly watch?: boolean
  readonly interval: number
}

const CLEAR_SCREEN = '\u001B[H\u001B[J'
const MIN_INTERVAL_MS = 50

/** Makes the subcommand `amorsize system`. */
export function systemCommand(): Command {
  return new Command('system')
    .description('show what this process may use of the machine, and where each limit was found')
    .option('--json', 'print one JSON object per line')
    .option('--watch', 'print again whenever something changes, until interrupted')
    .option(
      '--interval <ms>',
      'how often --watch looks, in milliseconds',
      integerFrom(MIN_INTERVAL_MS, MAX_TIMER_MS),
      1000,
    )
    .action(async (options: SystemOptions, command: Command) => {
      requireWith(command, 'interval', 'watch')
      const format = options.json === true ? formatJson : formatSystemInfo
      if (options.watch === true) await watch(format, options)
      else process.stdout.write(format(systemInfo()))
    })
}

function formatJson(info: SystemInfo): string {
  return `${JSON.stringify(info)}\n`
}

/** Resolves when interrupted. */
function watch(format: (info: SystemInfo) => string, options: SystemOptions): Promise<void> {
  const redraws = process.stdout.isTTY && options.json !== true
  let shown = ''
  return untilInterrupted(options.interval, () => {
    const text = format(systemInfo())
    if (text === shown) return
    process.stdout.write(redraws ? CLEAR_SCREEN + text : text)
    shown = text
  })
}
