import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import stamp from '../../native/binding/stamp.cjs'
import { removeFolder, root, run, temporaryFolder } from './project.js'

describe('npm pack refuses', () => {
  let folder: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    for (const name of ['package.json', 'scripts', 'native'])
      await cp(join(root, name), join(folder, name), { recursive: true })
  })
  afterAll(() => removeFolder(folder))

  async function expectRefusal(said: string) {
    const { code, stderr } = await run('npm', ['pack'], folder)
    expect(code).not.toBe(0)
    expect(stderr).toContain(said)
    expect(await readdir(folder)).not.toContainEqual(expect.stringMatching(/\.tgz$/))
  }

  it('a clone that has not been built', () => expectRefusal('not built: ./dist/bundle/index.bundler.js'))

  it('a build of which a file is missing', async () => {
    await cp(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
    await rm(join(folder, 'dist', 'bundle', 'cli.cjs'))
    await expectRefusal('not built: dist/bundle/cli.cjs is missing; run "npm run compile:ts"')
  })

  it('a build for the addon of other sources', async () => {
    await cp(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
    const file = join(folder, 'dist', 'internal', 'stamp.js')
    await writeFile(file, (await readFile(file, 'utf8')).replace(stamp, '0'.repeat(16)))
    await expectRefusal('dist/ was built beside another native/binding')
  })
})
