import { Command } from 'commander'
import { shownServer } from '../../internal/server-url.js'
import { MAX_TIMER_MS } from '../../internal/time/clock.js'
import { Interruption } from '../items/interruption.js'
import { integerFrom } from '../numbers.js'

interface WorkerFlags {
  readonly queue: string
  readonly redis?: string
  readonly threads?: number
  readonly prefix?: string
  readonly stallMs?: number
}

/** A larger number is probably a typo. */
const MOST_THREADS = 4096
const USUAL_URL = 'redis://localhost:6379'

/** Makes the subcommand `amorsize worker`. */
export function workerCommand(): Command {
  return new Command('worker')
    .summary('serve tasks to runs on other machines, over BullMQ')
    .description(
      'Takes chunks of items from a queue of BullMQ and runs them here, in as many threads as pay, for programs that call ' +
        "execute(task, items, { on: bullmq({ … }) }) elsewhere. Needs the package 'bullmq' beside, and a Redis or Valkey.",
    )
    .argument(
      '<modules...>',
      "modules whose exported functions may be run, such as './tasks.mjs', or one of them: './tasks.mjs#resize'",
    )
    .requiredOption('--queue <name>', 'name of the queue')
    .option('--redis <url>', `where Redis or Valkey is; default: REDIS_URL, else ${USUAL_URL}`)
    .option('--threads <count>', 'worker threads; default: as many as pay', integerFrom(1, MOST_THREADS))
    .option('--prefix <prefix>', "prefix of the queue's keys; default: 'bull'")
    .option(
      '--stall-ms <ms>',
      'a worker that was not heard of for so long has died; default: 30000',
      integerFrom(1000, MAX_TIMER_MS),
    )
    .addHelpText(
      'after',
      `
SIGTERM or Ctrl-C: it finishes the chunk in hand, or hands it back after ten seconds, and exits with 0.

Exit codes: 0 ended by a signal, 1 it could not begin, 2 wrong usage.`,
    )
    .action(async (modules: readonly string[], flags: WorkerFlags) => {
      await serve(modules, flags)
    })
}

async function serve(modules: readonly string[], flags: WorkerFlags): Promise<void> {
  // Other commands need not load this.
  const { serveTasks } = await import('../../bullmq/index.js')
  const url = flags.redis ?? process.env['REDIS_URL'] ?? USUAL_URL
  const interruption = new Interruption()
  const ended = new Promise<void>((resolve) => interruption.onRequest(resolve))
  const serving = await serveTasks({
    connection: { url },
    queue: flags.queue,
    tasks: modules,
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    ...(flags.prefix === undefined ? {} : { prefix: flags.prefix }),
    ...(flags.stallMs === undefined ? {} : { stallMs: flags.stallMs }),
  })
  process.stderr.write(
    `amorsize: ${serving.name} serves ${modules.join(', ')} from the queue ${flags.queue} at ${shownServer(url)}\n`,
  )
  await ended
  await serving.close()
  interruption.stopListening()
  const { done, refused, lost } = serving.stats()
  process.stderr.write(`amorsize: ${done} chunks done, ${refused} refused${lost === 0 ? '' : `, ${lost} lost`}\n`)
}
