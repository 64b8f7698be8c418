import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Vitest leaves one core to itself, of two as well, though most tests wait rather than compute. */
const cores = availableParallelism()
const maxWorkers = Math.max(Math.min(cores, 2), cores - 1)

/** Where most of the short files are. */
const unit = fileURLToPath(new URL('test/unit/', import.meta.url))

/** Vitest begins with the largest files, which are seldom those that take longest: then one core would wait for the last of these. */
class ShortOnesLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isShort = ({ moduleId }: TestSpecification): boolean => moduleId.startsWith(unit)
    const sorted = await super.sort(files)
    return [...sorted.filter((file) => !isShort(file)), ...sorted.filter(isShort)]
  }
}

// Every suite imports the built package, as users do: workers and forked children load the same files.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers,
    sequence: { sequencer: ShortOnesLast },
    include: ['test/{unit,property,stress,gc,integration,waiting,simulation,docs,package,site}/**/*.test.ts'],
    // Tests give warnings of this package on purpose, and look at them: they are not printed.
    execArgv: ['--expose-gc', '--disable-warning=AmorsizeWarning'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
