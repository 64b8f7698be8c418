// The site. `npm run docs` builds it into docs/.site, `npm run docs:dev` serves it and shows changes of pages as they are saved. The packages
// that it needs are in site/package.json; they are installed when they are missing, and then nothing is fetched. `npm run docs:test` builds it,
// walks it in Chromium, and checks the spelling.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { installIn } from './support/install.mjs'
import { root } from './support/project.mjs'
import { mustRun, run } from './support/run.mjs'
import { Tally } from './support/tally.mjs'
import { vitest } from './support/vitest.mjs'

const site = join(root, 'site')
const bin = (path, ...args) => mustRun(process.execPath, [join(site, 'node_modules', path), ...args], { cwd: site })

const commands = {
  /** The pages of the API from the docstrings, then the site; links that lead nowhere and members without a docstring fail it. */
  async build() {
    await api()
    await bin('vitepress/bin/vitepress.js', 'build')
  },
  async test() {
    await commands.build()
    const tally = new Tally()
    tally.command('spelling', await run(process.execPath, [join(root, 'scripts', 'spelling.mjs')]))
    tally.add('site', await vitest(['test/site']))
    tally.print()
  },
  async dev() {
    await api()
    await bin('vitepress/bin/vitepress.js', 'dev', '--host', '127.0.0.1')
  },
}

const [name = 'build'] = process.argv.slice(2)
if (!(name in commands)) throw new Error(`no command is named ${name}; there are ${Object.keys(commands).join(', ')}`)
const missing = await installIn(site)
if (missing !== null)
  throw new Error(`the packages of site/ are not installed, and the registry cannot be reached (${missing})`)
await commands[name]()

async function api() {
  rmSync(join(root, 'docs', 'api'), { recursive: true, force: true })
  await bin('typedoc/bin/typedoc', '--options', 'typedoc.mjs')
}
