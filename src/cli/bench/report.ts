import { machineLine } from '../machine.js'
import { formatCount, formatNumber, left, rangeText, right, tableOf, textTable } from '../text/table.js'
import type { Styles } from '../text/terminal.js'
import { meaningOf } from './meaning.js'
import type { BenchPath, BenchReport, CaseReport, ThreadsReport } from './run.js'

const PATH_TITLES: Readonly<Record<BenchPath, string>> = {
  allowed: 'Allowed, answered at once',
  denied: 'Denied, answered at once',
  await: 'Awaited, granted without waiting',
  'await-denied': 'Awaited, rejected',
}

/** Returns `report` as text for a terminal. */
export function renderBench(report: BenchReport, styles: Styles): string {
  const sections = (Object.keys(PATH_TITLES) as BenchPath[]).map((path) => renderPath(path, report.cases, styles))
  if (report.threads.length > 0) sections.push(renderThreads(report.threads, styles))
  return [
    styles.bold(`amorsize ${report.version}: what a rate limiter costs on this machine`),
    machineLine(report.machine),
    ...(report.native === 'wasm'
      ? ['The native addon is not in use: the figures of amorsize are those of its slower WebAssembly.']
      : []),
    '',
    ...sections.filter((section) => section !== null),
    ...renderMissing(report),
    ...meaningOf(report).flatMap((sentence) => [sentence, '']),
    styles.dim(howMeasured(report)),
  ].join('\n')
}

/** Explains how the figures were measured. */
export function howMeasured({ rounds, durationMs }: Pick<BenchReport, 'rounds' | 'durationMs'>): string {
  return [
    `How this was measured: every case ran in ${rounds} ${rounds === 1 ? 'process' : 'processes'} of its own, in turn with the others, ${durationMs} ms each after`,
    'warming up; shown are the median over the processes, the lowest and the highest. All cases run in the same loop, one call after the',
    'other, with 0 to about 60 ns of varying work between two calls, fenced so that the processor overlaps it with neither; that work is',
    'timed alone and subtracted: on a busy machine what is left may be below 0, and says nothing. Each case checks that every single call',
    'was allowed, or refused, as its title says. Heap bytes are the growth of the heap over calls between which nothing was collected.',
    'Asynchronous cases include one turn of the event loop per batch, so timers left behind are paid for.',
  ].join('\n')
}

function renderPath(path: BenchPath, cases: readonly CaseReport[], styles: Styles): string | null {
  const shown = cases.filter((entry) => entry.path === path)
  if (shown.length === 0) return null
  const ours = shown.find((entry) => entry.role === 'ours')
  const table = tableOf(shown, [
    left(PATH_TITLES[path], ({ subject, version }) => (version === null ? subject : `${subject} (${version})`)),
    left('call', ({ call }) => call),
    right('ns/call', ({ nsPerCall }) => formatNumber(nsPerCall.median)),
    right('lowest-highest', ({ nsPerCall }) => rangeText(nsPerCall)),
    right('heap bytes', ({ heapBytesPerCall }) => formatNumber(heapBytesPerCall)),
    right('x amorsize', ({ nsPerCall }) =>
      ours === undefined ? '' : formatNumber(nsPerCall.median / ours.nsPerCall.median),
    ),
  ])
  return `${textTable(table, styles.bold)}\n`
}

const MODE_TITLES: Readonly<Record<ThreadsReport['mode'], string>> = {
  bucket: 'each thread on the shared bucket',
  message: 'asking the main thread by postMessage',
  drain: 'on the shared bucket until it is empty',
}

function renderThreads(threads: readonly ThreadsReport[], styles: Styles): string {
  const table = tableOf(threads, [
    left('Threads on one limit', ({ mode }) => MODE_TITLES[mode]),
    right('threads', (entry) => String(entry.threads)),
    right('decisions/s', ({ decisionsPerSecond }) => formatNumber(decisionsPerSecond.median)),
    right('ns in each', ({ nsPerDecision }) => formatNumber(nsPerDecision.median)),
    right('admitted', ({ exact }) => (exact === null ? '' : admittedText(exact))),
  ])
  return `${textTable(table, styles.bold)}\n`
}

function admittedText({ admitted, available }: NonNullable<ThreadsReport['exact']>): string {
  const wrong = admitted.find((count) => count !== available)
  return `${formatCount(wrong ?? available)} of ${formatCount(available)}`
}

function renderMissing({ notInstalled, failed }: BenchReport): string[] {
  const lines = failed.map(({ id, error }) => `Could not be measured: ${id}: ${error}`)
  if (notInstalled.length > 0) lines.push(`Not installed here, so not measured: ${notInstalled.join(', ')}`)
  return lines.length > 0 ? [...lines, ''] : []
}
