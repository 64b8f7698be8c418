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
/** Lines that are checked by the compiler, or say nothing to it. */
const LEFT_OUT = /^\s*(\/\/|#|static_assert|template|using |namespace)/

/**
 * @param {string} text - of a header
 * @returns {{ line: number, column: number, from: string, to: string, text: string, code: string }[]} each with the whole mutated text
 */
export function mutantsOf(text) {
  const lines = text.split('\n')
  return lines.flatMap((line, index) => {
    if (LEFT_OUT.test(line)) return []
    const code = line.replace(/\/\/.*$/, '')
    const changes = [
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
    ]
    return changes.map(({ at, from, to }) => {
      const mutated = line.slice(0, at) + to + line.slice(at + from.length)
      return {
        line: index + 1,
        column: at + 1,
        from,
        to,
        text: lines.with(index, mutated).join('\n'),
        code: code.trim(),
      }
    })
  })
}
