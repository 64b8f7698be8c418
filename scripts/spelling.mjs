// `npm run docs:spelling`: the words of the pages, the docstrings and comments, and the texts of the command line. What no dictionary of cspell
// has, and is right, stands in site/words.txt, in order; a word there that nobody writes any more is refused, too. First the sentences, which
// need no package: those that must be read twice by their form (scripts/support/english.mjs has the patterns, and the list of what is read).
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkEnglish } from './support/english.mjs'
import { installIn } from './support/install.mjs'
import { root } from './support/project.mjs'
import { run } from './support/run.mjs'

const FILES = [
  ...['*.md', 'docs/**/*.md', 'docs/play/*.ts', 'examples/*.{md,mjs}', 'bench/**/*.md', 'test/*/README.md'],
  ...['src/**/*.ts', 'site/*.mjs'],
]
const site = join(root, 'site')

const sentences = checkEnglish()
for (const fault of sentences) console.error(fault)
if (sentences.length > 0) process.exitCode = 1

const missing = await installIn(site)
if (missing === null) process.exitCode = (await check()) || process.exitCode
else console.log(`skipped: the packages of site/ are not installed, and the registry cannot be reached (${missing})`)

async function check() {
  const cspell = join(site, 'node_modules', 'cspell', 'bin.mjs')
  const options = [
    '--config',
    join(site, 'cspell.json'),
    '--root',
    root,
    '--gitignore',
    '--no-progress',
    '--no-summary',
  ]
  const { code, stdout, output } = await run(process.execPath, [cspell, 'lint', ...options, ...FILES], { quiet: true })
  const found = [...stdout.matchAll(/^(.+) - Unknown word \((.+?)\)(.*)$/gm)].map(([, place, word, fix]) => ({
    place,
    fix,
    word: word.replace(/['’]s$/, '').toLowerCase(),
  }))
  if (code !== 0 && found.length === 0) throw new Error(`cspell failed:\n${output}`)

  const known = readFileSync(join(site, 'words.txt'), 'utf8').trimEnd().split('\n')
  const unknown = found.filter(({ word }) => !known.includes(word))
  for (const { place, word, fix } of unknown) console.error(`${place}: ${word}?${fix}`)
  const written = new Set(found.map(({ word }) => word))
  const wrong = [
    ...known.filter((word) => !written.has(word)).map((word) => `${word} is written nowhere, or is in a dictionary`),
  ]
  const sorted = known.toSorted()
  const place = known.findIndex((word, i) => word !== sorted[i])
  if (place !== -1) wrong.push(`${known[place]} stands where ${sorted[place]} belongs`)
  for (const fault of wrong) console.error(`site/words.txt: ${fault}`)
  console.log(`${unknown.length} unknown words; ${known.length} that only this project has`)
  return unknown.length + wrong.length > 0 ? 1 : 0
}
