// `npm run platforms [-- part ...]`: what one x64 Linux machine can say of every system that the package holds an addon for. Runs what can be
// run, checks the rest, and ends with a table of which was which and one line of counts. `npm run prebuild -- --all` comes first.
import { Tally } from './support/tally.mjs'
import { arm64 } from './platforms/arm64.mjs'
import { musl } from './platforms/musl.mjs'
import { symbols } from './platforms/symbols.mjs'
import { windows } from './platforms/windows.mjs'
import { tools } from './support/tools.mjs'
import { zigRunsHere } from './support/zig.mjs'

if (!zigRunsHere) throw new Error(`only on x64 Linux; this is ${process.platform}-${process.arch}`)

/** @type {Record<string, { what: string, run: () => Promise<{ passed?: number, failed?: number, skipped?: number }> }>} */
const parts = {
  symbols: { what: 'each addon: size, libraries and functions that it asks for, names that it offers', run: symbols },
  musl: { what: 'the tests of C++, linked statically with musl, on x64 and by qemu on arm64', run: musl },
  arm64: { what: 'the installed package under qemu, on Node 20, 22, 24 and 26', run: arm64 },
  windows: { what: 'unit and integration suites by Node for Windows under Wine', run: windows },
  bundlers: { what: 'the packed package through every bundler and tool', run: () => tools({ whole: true }) },
}

const shownBy = [
  ['linux-x64, glibc', 'run: npm test'],
  ['linux-arm64, glibc', 'run under qemu: the installed package on four versions of Node'],
  [
    'linux-x64 and linux-arm64, musl',
    'tests of C++ run; the addon is compiled and its symbols are checked, not loaded',
  ],
  ['darwin-x64 and darwin-arm64', 'compiled and linked, symbols checked; nothing was run'],
  ['win32-x64', 'run under Wine: unit and integration suites'],
  ['win32-arm64', 'compiled and linked, symbols checked; nothing was run'],
]

const named = process.argv.slice(2)
for (const name of named)
  if (!(name in parts)) throw new Error(`no part is named ${name}; there are ${Object.keys(parts).join(', ')}`)

const tally = new Tally()
for (const [name, { what, run }] of Object.entries(parts)) {
  if (named.length > 0 && !named.includes(name)) continue
  console.log(`\n# ${name}: ${what}`)
  try {
    tally.add(name, await run())
  } catch (error) {
    // The other parts can still be judged.
    console.error(error)
    tally.add(name, { failed: 1 })
  }
}
console.log('')
for (const [platform, how] of shownBy) console.log(`${platform.padEnd(32)} ${how}`)
tally.print()
