// `npm run lint`: layout, rules, directions and circles of imports, types. Ends with the files that are longer than a file should be.
import { join } from 'node:path'
import { longFiles, MOST_LINES } from './support/long-files.mjs'
import { root } from './support/project.mjs'
import { run } from './support/run.mjs'
import { sideBySide } from './support/steps.mjs'

const quiet = { quiet: true }
const script = (name, ...args) => run(process.execPath, [join(root, 'scripts', name), ...args], quiet)
const bin = (path, ...args) => run(process.execPath, [join(root, 'node_modules', path), ...args], quiet)

// Two lists, as most machines have two cores to spare; the rules take as long as all the rest.
const { code } = await sideBySide([
  [{ what: 'rules (eslint)', run: () => bin('eslint/bin/eslint.js', '.', '--quiet') }],
  [
    { what: 'layout (prettier, clang-format)', run: () => script('format.mjs', '--check') },
    { what: 'includes of C++', run: () => script('check-includes.mjs') },
    { what: 'circles of imports', run: () => script('check-circles.mjs') },
    { what: 'types (tsc)', run: () => bin('typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit') },
    // It runs in a browser, whose types the rest must not see.
    {
      what: 'types of the playground (tsc)',
      run: () => bin('typescript/bin/tsc', '-p', join('docs', 'play', 'tsconfig.json'), '--noEmit'),
    },
  ],
])
process.exitCode = code

const long = longFiles()
if (long.length > 0)
  console.log(
    `  note: ${long.length} files are longer than ${MOST_LINES} lines: ${long.map(({ file, lines }) => `${file} (${lines})`).join(', ')}`,
  )
