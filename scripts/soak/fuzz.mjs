// Fuzzes the readers of kernel text with libFuzzer under the address and undefined-behaviour sanitizers, for a bounded time.
// AMORSIZE_FUZZ_SECONDS (60) is the time for each target. --keep adds what was learnt to the corpus, test/native/fuzz/*.corpus.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addToCorpus, inputsIn, unpackCorpus } from '../../test/native/fuzz/corpus.mjs'
import { root } from '../support/project.mjs'

/** Longer inputs than this are worth less to the next run than they weigh in the repository. */
const MAX_KEPT_BYTES = 256

const seconds = Number(process.env.AMORSIZE_FUZZ_SECONDS ?? 60)
if (!(seconds >= 1))
  throw new RangeError(`AMORSIZE_FUZZ_SECONDS must be a number >= 1; received ${process.env.AMORSIZE_FUZZ_SECONDS}`)
const keep = process.argv.includes('--keep')
const folder = join(root, 'test/native/fuzz')
const targets = ['fuzz_text', 'fuzz_tree']

function findCompiler() {
  const names = ['clang++', ...[21, 20, 19, 18, 17, 16, 15, 14].map((version) => `clang++-${version}`)]
  return names.find((name) => spawnSync(name, ['--version']).status === 0)
}

const run = (command, args) =>
  spawnSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 28 })

/** All readers but the one that opens files; the targets hold theirs in memory. */
const readers = [
  'cgroup',
  'cgroup_membership',
  'cgroup_mounts',
  'core_map',
  'cpu_quota',
  'cpu_set',
  'cpuinfo',
  'group_events',
  'meminfo',
  'memory_groups',
  'node_memory',
  'pressure',
  'process_facts_linux',
  'system_linux',
  'task_limits',
  'topology',
]
const sources = [...readers.map((name) => join(root, 'native/os', `${name}.cc`)), join(folder, 'memory_file_tree.cc')]

function fuzz(compiler, target, work) {
  const binary = join(work, target)
  const built = run(compiler, [
    '-std=c++20',
    '-O1',
    '-g',
    '-fsanitize=fuzzer,address,undefined',
    '-fno-sanitize-recover=all',
    '-I',
    'native',
    '-I',
    folder,
    join(folder, `${target}.cc`),
    ...sources,
    '-o',
    binary,
  ])
  if (built.status !== 0) return { failure: `does not compile:\n${built.stderr}` }
  const learnt = join(work, `${target}-corpus`)
  mkdirSync(learnt)
  const kept = join(work, `${target}-kept`)
  unpackCorpus(target, kept)
  const fuzzed = run(binary, [
    learnt,
    kept,
    `-max_total_time=${seconds}`,
    '-timeout=5',
    '-rss_limit_mb=2048',
    '-max_len=16384',
    '-print_final_stats=1',
    `-artifact_prefix=${work}/`,
  ])
  if (fuzzed.status !== 0) return { failure: `found a fault:\n${fuzzed.stderr.split('\n').slice(-60).join('\n')}` }
  if (keep) {
    run(binary, ['-merge=1', kept, learnt])
    addToCorpus(target, inputsIn(kept, MAX_KEPT_BYTES))
  }
  const runs = /number_of_executed_units: (\d+)/.exec(fuzzed.stderr)?.[1]
  return { runs: Number(runs) }
}

const compiler = findCompiler()
const counts = { passed: 0, failed: 0, skipped: 0 }
if (compiler === undefined) {
  console.log('skipped: no clang++ with libFuzzer')
  counts.skipped = targets.length
} else {
  const work = mkdtempSync(join(tmpdir(), 'amorsize-fuzz-'))
  try {
    for (const target of targets) {
      const { failure, runs } = fuzz(compiler, target, work)
      counts[failure === undefined ? 'passed' : 'failed']++
      console.log(
        failure === undefined ? `${target}: ${runs} inputs in ${seconds} s, no fault` : `${target} ${failure}`,
      )
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 ? 1 : 0
