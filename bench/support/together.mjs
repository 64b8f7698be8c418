/**
 * What threads or processes that decided at the same time did together.
 *
 * @param {{ decisions: number, admitted: number, elapsedNs: number }[]} counts
 */
export function together(counts) {
  const sum = (pick) => counts.reduce((total, count) => total + pick(count), 0)
  return {
    decisionsPerSecond: sum(({ decisions, elapsedNs }) => (decisions / elapsedNs) * 1e9),
    nsPerDecision: sum(({ decisions, elapsedNs }) => elapsedNs / decisions) / counts.length,
    admitted: sum(({ admitted }) => admitted),
  }
}
