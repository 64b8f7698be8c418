// Writes the first corpus of both targets from the trees of known machines: `node test/native/fuzz/make-seeds.mjs`. What the fuzzer
// adds to it, `node scripts/soak/fuzz.mjs --keep` writes back.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { addToCorpus } from './corpus.mjs'

const here = import.meta.dirname
const fixtures = JSON.parse(readFileSync(join(here, '../../fixtures/linux-detection.json'), 'utf8'))
const source = readFileSync(join(here, 'fuzz_tree.cc'), 'utf8')
const paths = [.../kPaths\{([^}]*)\}/.exec(source)[1].matchAll(/"([^"]+)"/g)].map((match) => match[1])

const seeds = { fuzz_text: [], fuzz_tree: [] }

/** The parsers of fuzz_text.cc by the name of the file they read. */
const kinds = [
  [/cpu\.max$/, 0],
  [/(online|_list|cpulist|cpus)$/, 1],
  [/self\/cgroup$/, 2],
  [/mountinfo$/, 3],
  [/(memory\.\w+|meminfo)$/, 4],
  [/cpuinfo$/, 5],
]

for (const { files } of fixtures) {
  const records = []
  for (const [path, content] of Object.entries(files)) {
    const kind = kinds.find(([pattern]) => pattern.test(path))?.[1]
    if (kind !== undefined && content.length < 2000)
      seeds.fuzz_text.push(Buffer.concat([Buffer.of(kind), Buffer.from(content)]))
    const moved = path
      .replace(/^\/sys\/fs\/cgroup(\/(?:memory|cpu,cpuacct|pids))?/, '/g')
      .replace(/^\/g\/[\w.@-]+\//, '/g/a/')
    const index = paths.indexOf(moved)
    const text = content.replaceAll('/sys/fs/cgroup', '/g')
    if (index >= 0) records.push(Buffer.of(index, text.length & 255, text.length >> 8), Buffer.from(text))
  }
  seeds.fuzz_tree.push(Buffer.concat(records))
}
for (const [target, inputs] of Object.entries(seeds)) addToCorpus(target, inputs)
