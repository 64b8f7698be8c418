// What the package is tried with: a project each, the commands that build it, and the program that is run then. docs/platforms.md shows the
// commands and the files of projects/.
import { basename } from 'node:path'

/**
 * @typedef {object} Tool
 * @property {string} name - of its folder in .cache/tools, and of that in projects/ unless `files` names another
 * @property {Record<string, string>} packages
 * @property {string} [files]
 * @property {Way[]} ways
 *
 * @typedef {object} Way
 * @property {string} title
 * @property {string} [node] - another version of Node than that of the tests
 * @property {string[][]} [build] - commands; the first word is a program of the project's node_modules/.bin
 * @property {string[]} run - a program of node_modules/.bin, or node, and its arguments
 * @property {number[]} [prints] - default: how many calls each of the three threads made
 */

const node = (...args) => ['node', ...args]

/** What threads.mjs prints: of six items four are done, and two refused by the limit that threads share; and there were workers. */
const shared = [4, 2, 1]
const esbuild = (...flags) => [
  'esbuild',
  '--bundle',
  '--platform=node',
  '--loader:.node=copy',
  '--log-level=error',
  ...flags,
]

/** Entry points of their own for the program of workers. */
const worker = 'amorsize-worker=amorsize/worker'

/** A minute in all. @type {Tool[]} */
export const quick = [
  {
    name: 'esbuild',
    packages: { esbuild: '0.28.2' },
    ways: [
      {
        title: 'esbuild to ES modules',
        build: [esbuild('main.mjs', '--format=esm', '--outfile=out/esm/main.mjs')],
        run: node('out/esm/main.mjs'),
      },
      {
        title: 'esbuild to CommonJS',
        build: [esbuild('main.mjs', '--format=cjs', '--outfile=out/cjs/main.cjs')],
        run: node('out/cjs/main.cjs'),
      },
      {
        title: 'esbuild from CommonJS, minified',
        build: [esbuild('main.cjs', '--minify', '--outfile=out/min/main.cjs')],
        run: node('out/min/main.cjs'),
      },
      {
        title: 'esbuild to ES modules, minified',
        build: [esbuild('main.mjs', '--minify', '--format=esm', '--outfile=out/small/main.mjs')],
        run: node('out/small/main.mjs'),
      },
      {
        title: 'esbuild to ES modules, with workers',
        build: [esbuild('threads.mjs', worker, '--format=esm', '--outdir=out/threads', '--out-extension:.js=.mjs')],
        run: node('out/threads/threads.mjs'),
        prints: shared,
      },
      {
        title: 'esbuild to CommonJS, minified, with workers',
        build: [esbuild('threads.mjs', worker, '--minify', '--format=cjs', '--outdir=out/threads-cjs')],
        run: node('out/threads-cjs/threads.js'),
        prints: shared,
      },
    ],
  },
  {
    name: 'rollup',
    packages: { rollup: '4.68.5', '@rollup/plugin-node-resolve': '16.0.3' },
    ways: [
      { title: 'rollup, external', build: [['rollup', '--config', '--silent']], run: node('out/main.mjs') },
      {
        title: 'rollup, external, with workers',
        build: [['rollup', '--config', '--silent', '--input', 'threads.mjs', '--file', 'out/threads.mjs']],
        run: node('out/threads.mjs'),
        prints: shared,
      },
    ],
  },
  {
    name: 'webpack',
    packages: { webpack: '5.112.2', 'webpack-cli': '7.3.1' },
    ways: [
      { title: 'webpack', build: [['webpack', '--fail-on-warnings']], run: node('out/main.cjs') },
      {
        title: 'webpack, with workers',
        build: [
          [
            'webpack',
            '--fail-on-warnings',
            '--entry-reset',
            '--entry',
            './threads.mjs',
            '--output-path',
            'out/threads',
          ],
        ],
        run: node('out/threads/main.cjs'),
        prints: shared,
      },
      {
        title: 'webpack to ES modules, with workers',
        build: [['webpack', '--fail-on-warnings', '--config', 'modules.config.cjs']],
        run: node('out/modules/main.mjs'),
        prints: shared,
      },
    ],
  },
  {
    name: 'jest-babel',
    packages: { jest: '30.5.2', '@babel/core': '7.28.5', '@babel/preset-env': '7.28.5' },
    ways: [{ title: 'Jest 30 with Babel', run: ['jest', '--json', '--coverage', '--coverageReporters=none'] }],
  },
]

const typed = { typescript: '5.9.3', '@types/node': '20.19.43' }
const jest29 = { jest: '29.7.0', '@types/jest': '29.5.14' }

/** The others. @type {Tool[]} */
export const others = [
  {
    name: 'ncc',
    packages: { '@vercel/ncc': '0.45.0' },
    ways: [
      {
        title: 'ncc of ES modules',
        build: [['ncc', 'build', 'main.mjs', '-o', 'out/esm']],
        run: node('out/esm/index.mjs'),
      },
      {
        title: 'ncc of CommonJS',
        build: [['ncc', 'build', 'main.cjs', '-o', 'out/cjs']],
        run: node('out/cjs/index.cjs'),
      },
      {
        title: 'ncc, external, with workers',
        build: [['ncc', 'build', 'threads.mjs', '--external', 'amorsize', '-o', 'out/threads']],
        run: node('out/threads/index.mjs'),
        prints: shared,
      },
    ],
  },
  {
    name: 'rspack',
    packages: { '@rspack/core': '2.3.4', '@rspack/cli': '2.2.8' },
    ways: [
      { title: 'Rspack', build: [['rspack', 'build']], run: node('out/main.cjs') },
      {
        title: 'Rspack, with workers',
        build: [['rspack', 'build', '--entry', './threads.mjs', '-o', 'out/threads']],
        run: node('out/threads/main.cjs'),
        prints: shared,
      },
    ],
  },
  {
    name: 'vite',
    packages: { vite: '7.3.8' },
    ways: [
      { title: 'Vite SSR', build: [['vite', 'build', '--logLevel', 'error']], run: node('out/main.mjs') },
      {
        title: 'Vite SSR, with workers',
        build: [['vite', 'build', '--logLevel', 'error', '--ssr', 'threads.mjs']],
        run: node('out/threads.mjs'),
        prints: shared,
      },
    ],
  },
  {
    name: 'nitro',
    packages: { nitropack: '2.13.6' },
    ways: [
      {
        title: 'Nitro, with workers',
        build: [['nitropack', 'build']],
        run: node('.output/server/index.mjs'),
        prints: shared,
      },
    ],
  },
  {
    name: 'jest29-babel',
    packages: { jest: '29.7.0', '@babel/core': '7.28.5', '@babel/preset-env': '7.28.5' },
    files: 'jest-babel',
    ways: [{ title: 'Jest 29 with Babel', run: ['jest', '--json', '--coverage', '--coverageReporters=none'] }],
  },
  {
    name: 'jest29-ts',
    packages: { ...jest29, 'ts-jest': '29.4.15', ...typed },
    files: 'jest-ts',
    ways: [{ title: 'Jest 29 with ts-jest', run: ['jest', '--json', '--coverage', '--coverageReporters=none'] }],
  },
  {
    name: 'jest30-ts',
    packages: { jest: '30.5.2', '@types/jest': '30.0.0', 'ts-jest': '29.4.15', ...typed },
    files: 'jest-ts',
    ways: [{ title: 'Jest 30 with ts-jest', run: ['jest', '--json', '--coverage', '--coverageReporters=none'] }],
  },
  {
    name: 'ts-node',
    packages: { 'ts-node': '10.9.2', ...typed },
    files: 'typescript',
    ways: [
      { title: 'ts-node', run: node('-r', 'ts-node/register', 'main.ts') },
      {
        title: 'ts-node, a task in TypeScript in workers',
        run: node('-r', 'ts-node/register', 'threads.ts'),
        prints: shared,
      },
    ],
  },
  {
    name: 'tsx',
    packages: { tsx: '4.23.15', ...typed },
    files: 'typescript',
    ways: [
      // A program's own workers in TypeScript need Node 22; those of execute do not.
      { title: 'tsx on Node 24', node: '24', run: node('--import', 'tsx', 'main.ts') },
      { title: 'tsx, a task in TypeScript in workers', run: node('--import', 'tsx', 'threads.ts'), prints: shared },
      {
        title: 'tsx on Node 24, a task in TypeScript in workers',
        node: '24',
        run: node('--import', 'tsx', 'threads.ts'),
        prints: shared,
      },
    ],
  },
  {
    name: 'tsc',
    packages: typed,
    files: 'typescript',
    ways: [{ title: 'tsc to CommonJS', build: [['tsc', '--outDir', 'out']], run: node('out/main.js') }],
  },
  {
    name: 'swc',
    packages: { '@swc/core': '1.16.22', '@swc/cli': '0.8.1' },
    ways: [{ title: 'SWC', build: [['swc', 'main.ts', '--out-dir', 'out', '--quiet']], run: node('out/main.js') }],
  },
  {
    name: 'bun',
    packages: { '@oven/bun-linux-x64': '1.4.4' },
    ways: [
      { title: 'Bun', run: ['../@oven/bun-linux-x64/bin/bun', 'main.mjs'] },
      { title: 'Bun, with workers', run: ['../@oven/bun-linux-x64/bin/bun', 'threads.mjs'], prints: shared },
    ],
  },
  {
    name: 'deno',
    packages: { '@deno/linux-x64-glibc': '2.9.6' },
    ways: [
      { title: 'Deno', run: ['../@deno/linux-x64-glibc/deno', 'run', '--allow-all', 'main.mjs'] },
      {
        title: 'Deno, with workers',
        run: ['../@deno/linux-x64-glibc/deno', 'run', '--allow-all', 'threads.mjs'],
        prints: shared,
      },
    ],
  },
]

/** The rows of the table in docs/platforms.md: what was tried, the version of the tool, and what a user types for it. */
export const rows = [...quick, ...others].flatMap(({ packages, ways }) =>
  ways.map((way) => `| ${way.title} | ${Object.values(packages)[0]} | \`${commandsOf(way)}\` |`),
)

function commandsOf({ build = [], run: [program, ...args] }) {
  return [...build, [basename(program), ...args]].map((words) => words.join(' ')).join(' && ')
}
