import { Command, Option } from 'commander'
import { untilInterrupted } from '../end-signals.js'
import { requireWith } from '../flags.js'
import { integerFrom } from '../numbers.js'
import { Screen, sizeOr } from '../text/screen.js'
import { type Styles, jsonLine, stylesFor } from '../text/terminal.js'
import { type TopState, afterKeys, footer } from '../top/keys.js'
import { SORT_KEYS, Sampler, type SortKey, arrange } from '../top/model.js'
import type { TopRow } from '../top/state.js'
import { topLines } from '../top/table.js'
import { serveTop } from '../top/web.js'

interface TopOptions {
  readonly json?: boolean
  readonly once?: boolean
  readonly interval: number
  readonly sort: SortKey
  readonly filter: string
  readonly web?: boolean
  readonly port: number
}

const MIN_INTERVAL_MS = 50
const MAX_INTERVAL_MS = 3_600_000
/** Threads publish their counts four times per second, so a rate needs a longer look than that. */
const FIRST_LOOK_MS = 600

/** Makes the subcommand `amorsize top`. */
export function topCommand(): Command {
  return new Command('top')
    .description('watch the limits that processes of this user share on this machine')
    .option('--once', 'print what there is and end')
    .option('--json', 'print one JSON object per look, one per line, until interrupted')
    .option(
      '--interval <ms>',
      'how often to look, in milliseconds',
      integerFrom(MIN_INTERVAL_MS, MAX_INTERVAL_MS),
      1000,
    )
    .addOption(new Option('--sort <column>', 'what to sort by').choices(SORT_KEYS).default('worst'))
    .option('--filter <text>', 'only names that hold this text', '')
    .addOption(
      new Option('--web', 'serve a page with charts on this machine; needs the package uplot').conflicts([
        'once',
        'json',
      ]),
    )
    .option('--port <number>', 'port of --web; 0: any that is free', integerFrom(0, 65_535), 0)
    .addHelpText('after', HELP)
    .action(async (options: TopOptions, command: Command) => {
      requireWith(command, 'port', 'web')
      if (options.web === true) await serveTop(options)
      else if (options.once === true) await printOnce(options)
      else if (options.json === true) await printAgainAndAgain(options)
      else if (process.stdout.isTTY) await watch(options)
      else await printOnce(options)
    })
}

const HELP = `
Reads shared memory alone; the processes that use it notice nothing. What is shared is listed, so names of scope
'process' and limits without a name are not. WAITING is how many tokens callers wait for, DEBT what is reserved already.
STATE of a limiter is its tokens, of its burst, and how long the next caller waits. Red lets nothing through, yellow refuses
some calls or makes them wait; these come first.

Keys: q quit, s sort, r reverse, / filter, p pause, arrows and Page Up/Down scroll.
Where standard output is no terminal, it prints once.

Exit codes: 0 success, 1 failure, 2 wrong usage.`

const NOTHING =
  "No name of this user is shared on this machine. A limiter with { name, scope: 'machine' } appears here."

/** Takes two samples, because a rate needs two. */
async function printOnce(options: TopOptions): Promise<void> {
  const sampler = new Sampler()
  let rows = sampler.sample()
  if (rows.length > 0) {
    await new Promise((resolve) => setTimeout(resolve, FIRST_LOOK_MS))
    rows = sampler.sample()
  }
  const shown = arrange(rows, { ...options, reverse: false })
  if (options.json === true) process.stdout.write(jsonOf(shown))
  else
    process.stdout.write(
      shown.length === 0
        ? `${whyEmpty(rows)}\n`
        : `${topLines(shown, stylesFor(process.stdout), widthOf(process.stdout)).join('\n')}\n`,
    )
}

/** @param rows - all rows, of which none is shown */
function whyEmpty(rows: readonly TopRow[]): string {
  return rows.length === 0 ? NOTHING : 'No name holds the filter.'
}

/** The width of a terminal in columns; unlimited for anything else. */
function widthOf({ isTTY, columns }: Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>>): number {
  return isTTY === true ? sizeOr(Infinity, columns) : Infinity
}

function jsonOf(names: readonly TopRow[]): string {
  return jsonLine({ at: new Date().toISOString(), names })
}

/** Resolves when interrupted. */
function printAgainAndAgain(options: TopOptions): Promise<void> {
  const sampler = new Sampler()
  const print = (): void => void process.stdout.write(jsonOf(arrange(sampler.sample(), { ...options, reverse: false })))
  return untilInterrupted(options.interval, print)
}

/** Resolves when the user quits, or a signal asks the process to end. */
function watch(options: TopOptions): Promise<void> {
  const sampler = new Sampler()
  const styles = stylesFor(process.stdout)
  let state: TopState = {
    sort: options.sort,
    filter: options.filter,
    reverse: false,
    typing: false,
    offset: 0,
    paused: false,
    ended: false,
  }
  let rows: readonly TopRow[] = []
  let end = (): void => undefined
  const draw = (): void => screen.draw(picture(rows, state, styles, screen))
  const onKeys = (keys: string): void => {
    state = afterKeys(state, keys)
    if (state.ended) end()
    else draw()
  }
  const screen = new Screen(onKeys, () => draw())
  const look = (): void => {
    if (!state.paused) rows = sampler.sample()
    draw()
  }
  return untilInterrupted(options.interval, look, (stop) => (end = stop)).finally(() => screen[Symbol.dispose]())
}

/** The size of a terminal. */
interface Room {
  readonly rows: number
  readonly columns: number
}

function picture(rows: readonly TopRow[], state: TopState, styles: Styles, { rows: height, columns }: Room): string[] {
  const shown = arrange(rows, state)
  const room = Math.max(1, height - 4)
  const offset = Math.min(state.offset, Math.max(0, shown.length - room))
  const [heading = '', ...body] = shown.length === 0 ? [whyEmpty(rows)] : topLines(shown, styles, columns)
  const title = `amorsize top  ${shown.length} of ${rows.length} names  ${new Date().toLocaleTimeString('en-GB')}`
  return [styles.bold(title), '', heading, ...body.slice(offset, offset + room), styles.dim(footer(state, columns))]
}
