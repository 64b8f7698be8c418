// Mutants of a C++ header: one operator, comparison or constant changed at a time.

/** What stands between spaces, as clang-format writes operators; templates and references do not. */
const OPERATORS = {
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '<': ['<=', '>'],
  '<=': ['<', '>'],
  '>': ['>=', '<'],
  '>=': ['>', '<'],
  '==': ['!='],
  '!=': ['=='],
  '&&': ['||'],
  '||': ['&&'],
  '<<': ['>>'],
  '>>': ['<<'],
  '&': ['|'],
  '|': ['&'],
  '+=': ['-='],
  '-=': ['+='],
}
const OPERATOR = / (\+=|-=|<=|>=|==|!=|&&|\|\||<<|>>|[-+*/%<>&|]) (?=\S)/g
const CONSTANT = /(?<=[\s(])(\d+)(?=[\s;),]|$)/g
const WORD = /\b(true|false)\b/g
/**
 * Made weaker, but for seq_cst: no model of the tests knows what that adds. A processor may keep what C++ does not
 * promise, so only tests that explore weak memory judge these.
 */
const ORDERS = { acquire: ['relaxed'], release: ['relaxed'], acq_rel: ['acquire', 'release'] }
const ORDER = /\bmemory_order_(acquire|release|acq_rel)\b/g
/** Lines that are checked by the compiler, or say nothing to it. */
const LEFT_OUT = /^\s*(\/\/|#|static_assert|template|using |namespace)/

/**
 * @typedef {{ line: number, column: number, from: string, to: string, text: string, code: string }} Mutant with the whole mutated text
 * @param {string} text - of a header
 * @returns {Mutant[]}
 */
export function mutantsOf(text) {
  return changed(text, (code) => [
    ...[...code.matchAll(OPERATOR)].flatMap((match) =>
      OPERATORS[match[1]].map((to) => ({ at: match.index + 1, from: match[1], to })),
    ),
    ...[...code.matchAll(CONSTANT)].map((match) => ({
      at: match.index,
      from: match[1],
      to: String(Number(match[1]) + 1),
    })),
    ...[...code.matchAll(WORD)].map((match) => ({
      at: match.index,
      from: match[1],
      to: match[1] === 'true' ? 'false' : 'true',
    })),
  ])
}

/**
 * @param {string} text - of a header
 * @returns {Mutant[]} which only tests of weak memory can tell from the original
 */
export function weakerOrdersOf(text) {
  return changed(text, (code) =>
    [...code.matchAll(ORDER)].flatMap(({ index, 0: from, 1: order }) =>
      ORDERS[order].map((to) => ({ at: index, from, to: `memory_order_${to}` })),
    ),
  )
}

function changed(text, changesOf) {
  const lines = text.split('\n')
  return lines.flatMap((line, index) => {
    if (LEFT_OUT.test(line)) return []
    const code = line.replace(/\/\/.*$/, '')
    return changesOf(code).map(({ at, from, to }) => {
      const mutated = line.slice(0, at) + to + line.slice(at + from.length)
      const whole = lines.with(index, mutated).join('\n')
      return { line: index + 1, column: at + 1, from, to, text: whole, code: code.trim() }
    })
  })
}
