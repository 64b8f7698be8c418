import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { headersOfThisNode } from '../../scripts/support/headers.mjs'
import { describeWithAddon } from '../support/native.js'
import { copyWithoutPrebuilds, install, mustRun, pack, removeFolder, root, run, temporaryFolder } from './project.js'

// Compiling takes half a minute on two cores; in a file of its own it does so beside the others.
const slowMs = 300_000

describeWithAddon('where no prebuild fits', () => {
  let folder: string
  let rebuilt: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    rebuilt = join(folder, 'rebuilt')
    const project = join(folder, 'project')
    await install(await pack(folder), project)
    for (const name of ['consumer.mjs', 'report.cjs'])
      await cp(join(root, 'test', 'fixtures', 'package', name), join(project, name))
    await copyWithoutPrebuilds(project, rebuilt)
  }, slowMs)
  afterAll(() => removeFolder(folder))

  it(
    'can be built from its own sources, as the warning says',
    async () => {
      await cp(join(root, 'node_modules', 'node-addon-api'), join(rebuilt, 'node_modules', 'node-addon-api'), {
        recursive: true,
      })
      await mustRun('tar', ['-xzf', join('dist', 'native.tgz')], join(rebuilt, 'node_modules', 'amorsize'))
      const nodeGyp = join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js')
      await mustRun(
        process.execPath,
        [nodeGyp, 'rebuild'],
        join(rebuilt, 'node_modules', 'amorsize'),
        // That it compiles is of interest, not how fast it is then.
        { ...headersOfThisNode(), npm_config_jobs: 'max', CXXFLAGS: '-O0' },
      )
      const ended = await run(process.execPath, ['consumer.mjs'], rebuilt)
      expect(JSON.parse(ended.stdout)).toEqual({
        decisions: [true, true, false],
        wrapped: 42,
        errorIsOurs: true,
        source: 'addon',
      })
    },
    slowMs,
  )
})
