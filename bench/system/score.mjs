// Right answers: the trees of known machines are mounted over /proc and /sys in a mount namespace, and everybody is asked.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { completeTree } from './complete-tree.mjs'
import { subjects } from './subjects.mjs'

const fixtures = JSON.parse(readFileSync(new URL('../../test/fixtures/linux-detection.json', import.meta.url), 'utf8'))
const answerCase = fileURLToPath(new URL('answer-case.mjs', import.meta.url))

/** What a tree must hold for its mounts to hide this machine's own files. */
const NEEDED = ['/proc/self/cgroup', '/proc/self/mountinfo', '/proc/meminfo']
const MOUNTED = [
  '/proc/meminfo',
  '/proc/cpuinfo',
  '/sys/fs/cgroup',
  '/sys/devices/system/cpu',
  '/sys/devices/system/node',
]

/** The files of /proc/self are those of the process that is to read them, so that process mounts them over its own. */
const ENTER = `
set -e
mount --make-rprivate /
mount --bind "$TREE/proc/self/cgroup" /proc/$$/cgroup
for path in $MOUNTS; do mount --bind "$TREE$path" "$path"; done
mount --bind "$TREE/proc/self/mountinfo" /proc/$$/mountinfo
exec "$@"`

export const FACTS = ['limitBytes', 'availableBytes', 'parallelism', 'physicalCores']

/** Why namespaces cannot be made here, or null. */
export function whyNot() {
  if (process.platform !== 'linux') return 'it needs Linux'
  const { status, stderr, error } = spawnSync('unshare', ['-m', 'true'], { encoding: 'utf8' })
  return status === 0 ? null : `it needs the right to make a mount namespace (${(error?.message ?? stderr).trim()})`
}

/**
 * What is right in a tree. The affinity mask cannot be mounted: it is this machine's, so the parallelism is worked out for it, and
 * the cores are all that are online.
 */
function rightAnswers({ expected }) {
  const right = {}
  const { cpu = {}, memory = {} } = expected
  // The hard limit, or what it amounts to with memory.high and the machine's own size.
  if ('limitBytes' in memory)
    right.limitBytes = [
      memory.limitBytes,
      memory.limitBytes === null ? null : (memory.effectiveLimitBytes ?? memory.limitBytes),
    ]
  if ('availableBytes' in memory) right.availableBytes = [memory.availableBytes]
  if ('quotaCpus' in cpu) {
    const quota = cpu.quotaCpus ?? Infinity
    const clamp = (threads) => Math.max(1, Math.min(availableParallelism(), threads))
    // Rounding down is a fair answer too.
    right.parallelism = [clamp(Math.ceil(quota)), clamp(Math.floor(quota))]
  }
  // Where a tree gives usable cores only, its process may use all of them.
  const cores = cpu.physicalCoresOnline ?? cpu.physicalCores
  if (cores !== undefined) right.physicalCores = [cores]
  return right
}

function askAll(fixture, folder) {
  const tree = join(folder, fixture.name)
  for (const [path, content] of Object.entries(completeTree(fixture.files))) {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), content)
  }
  const mounts = MOUNTED.filter((path) => existsSync(join(tree, path)) && existsSync(path))
  const env = { ...process.env, TREE: tree, MOUNTS: mounts.join(' '), AMORSIZE_NATIVE: '1' }
  return JSON.parse(
    execFileSync('unshare', ['-m', 'sh', '-c', ENTER, 'sh', process.execPath, answerCase], { env, encoding: 'utf8' }),
  )
}

/** Within 1 %: available memory is compared as sizes, not as digits. */
const isRight = (answer, accepted) =>
  accepted.some((value) =>
    value === null || answer === null ? answer === value : Math.abs(answer - value) <= value / 100,
  )

/**
 * Asks all subjects in every tree, or in every `step`-th.
 *
 * @returns one record for each tree: its name and, for each subject and fact, whether the answer is right (absent: not asked or not answered)
 */
export function score(step) {
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-score-'))
  try {
    return fixtures
      .filter(({ files }, index) => index % step === 0 && NEEDED.every((path) => path in files))
      .map((fixture) => {
        process.stderr.write(`tree ${fixture.name}\n`)
        const answers = askAll(fixture, folder)
        const right = rightAnswers(fixture)
        const results = Object.fromEntries(
          subjects.map(({ id }) => [
            id,
            Object.fromEntries(
              Object.entries(right).map(([fact, accepted]) => {
                const answer = answers[id][fact]
                return [
                  fact,
                  {
                    answer: answer ?? null,
                    given: answer !== undefined,
                    right: answer !== undefined && isRight(answer, accepted),
                  },
                ]
              }),
            ),
          ]),
        )
        return { tree: fixture.name, right, results }
      })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
