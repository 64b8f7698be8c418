// What threads or processes on one limit have come to, of this group and of the group machine.
import { formatCount, left, middle, right, section, spread, summariesOf } from '../support/tables.mjs'

/** `available`: tokens that there were, where all were to be taken; else null. */
export function ratesOf(rounds) {
  const [{ available }] = rounds
  const admitted = rounds.map((round) => round.admitted)
  return { ...summariesOf(rounds, ['decisionsPerSecond', 'nsPerDecision']), admitted, available }
}

/** @param {'threads' | 'processes'} sharers */
export const ratesSection = (title, sharers, reports) =>
  section(title, reports, [
    left('', ({ title }) => title),
    right(sharers, (report) => String(report[sharers])),
    ...spread('decisions/s', ({ decisionsPerSecond }) => decisionsPerSecond),
    right('ns in each', ({ nsPerDecision }) => middle(nsPerDecision)),
    right('admitted', ({ admitted, available }) =>
      available === null ? '' : `${[...new Set(admitted)].map(formatCount).join(', ')} of ${formatCount(available)}`,
    ),
  ])
