// Sentences that must be read twice, found by their form: in pages, and in comments of sources.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './project.mjs'

/** Pages and folders that have been read aloud and rewritten; `npm run docs:spelling` keeps them so. */
export const DONE = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'docs/README.md',
  'docs/beyond.md',
  'docs/coming-from.md',
  'docs/command-line.md',
  'docs/container.md',
  'docs/cookbook',
  'docs/detection.md',
  'docs/getting-started.md',
  'docs/guarantees.md',
  'docs/how-it-works.md',
  'docs/http',
  'docs/jobs.md',
  'docs/keyed.md',
  'docs/lease.md',
  'docs/limiter.md',
  'docs/limits.md',
  'docs/machine.md',
  'docs/metrics.md',
  'docs/monitoring/README.md',
  'docs/platforms.md',
  'docs/play/README.md',
  'docs/policies',
  'docs/redis.md',
  'docs/scheduling.md',
  'docs/top.md',

  'docs/troubleshooting.md',
  'docs/use-cases.md',
  'docs/which-part.md',
  'src/bullmq',
  'src/cli',
  'src/execute',
  'src/http',
  'src/internal',
  'src/memory',
  'src/metrics',
  'src/policy',
  'src/rate-limit',
  'src/records',
  'src/redis',
  'src/system',
  'src/testing',
]

const MOST_WORDS = 30

const PATTERNS = [
  [/^(What|Who)\b.*[^?]$/s, 'a clause as the subject: name who or what it is'],
  [/\bwhoever\b/i, '"whoever": say who'],
  [/\btold\b/i, '"told": say "reported", or who learns it'],
  [/\banew\b/i, '"anew": say "again"'],
]

/** @returns {string[]} what is wrong with a sentence; `isProse`: of a page, where its length counts, too */
export function faultsOf(sentence, isProse) {
  const words = sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}`]/u.test(word)).length
  const long = isProse && words > MOST_WORDS ? [`${words} words: at most ${MOST_WORDS}`] : []
  return [...PATTERNS.filter(([pattern]) => pattern.test(sentence)).map(([, fault]) => fault), ...long]
}

/** @returns {{ line: number, sentence: string, fault: string }[]} of a page (`.md`) or of the comments of a source */
export function faultsIn(file, text) {
  const isPage = file.endsWith('.md')
  return (isPage ? paragraphsOf(text) : commentsOf(text)).flatMap(({ line, text: paragraph }) =>
    sentencesOf(paragraph).flatMap((sentence) =>
      faultsOf(sentence, isPage).map((fault) => ({ line, sentence, fault })),
    ),
  )
}

/** Checks {@link DONE}, or other files and folders. @returns {string[]} a line for each fault */
export function checkEnglish(paths = DONE) {
  return paths
    .flatMap(filesOf)
    .flatMap((file) =>
      faultsIn(file, readFileSync(join(root, file), 'utf8')).map(
        ({ line, sentence, fault }) => `${file}:${line}: ${fault}: ${sentence}`,
      ),
    )
}

function filesOf(path) {
  if (!existsSync(join(root, path))) throw new Error(`${path} is to be read, and is not there`)
  if (statSync(join(root, path)).isFile()) return [path]
  return readdirSync(join(root, path), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(md|ts)$/.test(name))
    .sort()
    .map((name) => `${path}/${name}`)
}

/** Code in a line counts as one word, a link as its text. */
const plain = (text) =>
  text
    .replaceAll(/`[^`]*`/g, '`x`')
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/\{@link (\S+?)( [^}]+)?\}/g, '`x`')
    .replaceAll('**', '')

const sentencesOf = (text) =>
  plain(text)
    .split(/(?<=[.!?]["')*]*)\s+(?=[\p{Lu}`"'(])/u)
    .map((sentence) => sentence.trim())

/** Paragraphs, items of lists and cells of tables; neither code nor headings. */
function paragraphsOf(text) {
  const found = []
  let isOpen = false
  const blank = (all) => all.replaceAll(/[^\n]/g, '')
  const lines = text
    .replaceAll(/^ *```.*?^ *```$/gms, blank)
    .replaceAll(/<!--.*?-->/gs, blank)
    .split('\n')
  for (const [at, line] of lines.entries()) {
    const item = /^\s*(?:[-*]|\d+\.) (.*)/.exec(line)
    if (/^\s*\|/.test(line)) {
      for (const cell of line.replaceAll(/`[^`]*`/g, '`x`').split('|')) found.push({ line: at + 1, text: cell.trim() })
      isOpen = false
    } else if (item !== null) {
      found.push({ line: at + 1, text: item[1] })
      isOpen = true
    } else if (line.trim() === '' || /^#/.test(line) || (!isOpen && /^ {4}/.test(line))) isOpen = false
    else if (isOpen) found.at(-1).text += `\n${line.trim()}`
    else {
      found.push({ line: at + 1, text: line })
      isOpen = true
    }
  }
  return found
}

/** Comments, those of several lines as one; of a docstring each part, without its examples. */
function commentsOf(source) {
  const lineOf = (index) => source.slice(0, index).split('\n').length
  const docs = [...source.matchAll(/\/\*\*?(.*?)\*\//gs)].flatMap(({ 1: body, index }) =>
    body
      .replaceAll(/^\s*\* ?/gm, '')
      .split(/^(?=@)|\n\s*\n|^(?=- )/m)
      .filter((part) => !part.startsWith('@example'))
      .map((part) => ({ line: lineOf(index), text: part.trim().replace(/^@\w+( \{\w+\})?( [\w.]+ -)? ?/, '') })),
  )
  const lines = [...source.matchAll(/(?:^|(?<=\s))\/\/ .*(?:\n\s*\/\/ .*)*/gm)].map(({ 0: comment, index }) => ({
    line: lineOf(index),
    text: comment.replaceAll(/^\s*\/\/ /gm, ''),
  }))
  return [...docs, ...lines]
}
