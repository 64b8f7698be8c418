// Types of every entry point, by each TypeScript from 5.0 on and in each of its module modes: strict, with the declarations themselves checked.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { manifest } from '../../scripts/support/project.mjs'
import { packages } from '../../scripts/support/packages.mjs'
import { pack, project, run } from './support/project.mjs'

const versions = [
  '5.0.4',
  '5.1.6',
  '5.2.2',
  '5.3.3',
  '5.4.5',
  '5.5.4',
  '5.6.3',
  '5.7.3',
  '5.8.3',
  '5.9.3',
  '6.0.3',
  '7.0.2',
]
const isFrom = (version, first) => Number.parseFloat(version) >= first

/** The modes that a version has: options, and the ends of files' names that are ES modules or CommonJS there. */
function modesOf(version) {
  const node = (module) => ({ title: module, options: { module }, ends: ['.mts', '.cts'] })
  const resolved = (module, moduleResolution, more) => ({
    title: `${module}, ${moduleResolution}`,
    options: { module, moduleResolution, ...more },
    ends: ['.ts'],
  })
  const isSix = isFrom(version, 6)
  return [
    ...(isFrom(version, 7) ? [] : [resolved('commonjs', 'node10', isSix ? { ignoreDeprecations: '6.0' } : {})]),
    node('node16'),
    node('nodenext'),
    resolved('esnext', 'bundler'),
    ...(isFrom(version, 5.4) ? [resolved('preserve', 'bundler')] : []),
    ...(isFrom(version, 5.8) ? [node('node18')] : []),
    ...(isFrom(version, 5.9) ? [node('node20')] : []),
    ...(isSix ? [resolved('commonjs', 'bundler')] : []),
  ]
}

const entryPoints = Object.keys(manifest.exports).filter((path) => path !== './package.json' && path !== './worker')

/** Takes something of each entry point; where its types were `any`, the last line would be no error. */
const source = `import { RateLimiter, execute, withRateLimit, type RateLimitPolicy } from 'amorsize'
${entryPoints
  .filter((path) => path !== '.')
  .map(
    (path, i) =>
      `import * as part${i} from 'amorsize${path.slice(1)}'\nexport const keys${i}: (keyof typeof part${i})[] = []`,
  )
  .join('\n')}
const policy: Partial<RateLimitPolicy> = { requestsPerSecond: 10 }
const taken: boolean = new RateLimiter(policy).tryAcquire()
export const doubled: Promise<number[]> = execute((n: number) => n * 2, [1, 2])
export const call: (id: number) => Promise<string> = withRateLimit({ requestsPerSecond: 5 })((id: number) => String(id) + String(taken))
// @ts-expect-error: a rate is a number
export const wrong = new RateLimiter({ requestsPerSecond: 'ten' })
`

let folder
let compilers
beforeAll(async () => {
  await pack()
  folder = await project({ name: 'typescript-modes', packages: { '@types/node': '20.19.43' } })
  for (const end of ['.ts', '.mts', '.cts']) writeFileSync(join(folder, `modes${end}`), source)
  compilers = await packages(
    'typescript',
    Object.fromEntries(versions.map((version) => [`typescript-${version}`, `npm:typescript@${version}`])),
  )
})

const always = { noEmit: true, strict: true, exactOptionalPropertyTypes: true, target: 'es2022' }

describe.each(versions)('TypeScript %s', (version) => {
  async function expectNoFault(options, ends) {
    const files = ends.map((end) => `modes${end}`)
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...always, ...options }, files }))
    const ended = await run(process.execPath, [join(compilers, `typescript-${version}`, 'bin', 'tsc')], { cwd: folder })
    expect(ended).toMatchObject({ code: 0, stdout: '' })
  }

  it.each(modesOf(version))('$title', ({ options, ends }) =>
    expectNoFault({ lib: ['es2022'], types: ['node'], ...options }, ends),
  )

  it('without the types of Node, with those of browsers', () =>
    expectNoFault({ lib: ['es2022', 'dom'], types: [], module: 'nodenext' }, ['.mts', '.cts']))
})
