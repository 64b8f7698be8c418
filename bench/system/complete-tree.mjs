// The trees hold what the readers under test need. Others read the same facts from other files, which a real machine has too: they
// are made here from the lists of the tree, so that everybody is asked fairly.

const CPU = '/sys/devices/system/cpu'
const LISTS = {
  core_cpus_list: 'core_cpus',
  thread_siblings_list: 'thread_siblings',
  core_siblings_list: 'core_siblings',
  package_cpus_list: 'package_cpus',
  die_cpus_list: 'die_cpus',
}

/** '0-2,5' as numbers. */
function parseList(text) {
  return text
    .trim()
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, i) => first + i)
    })
}

/** The kernel's mask format: groups of eight hexadecimal digits, the highest CPUs first. */
function formatMask(cpus, width) {
  const groups = []
  for (let low = 0; low < width; low += 32) {
    const bits = cpus.filter((cpu) => cpu >= low && cpu < low + 32).reduce((sum, cpu) => sum + 2 ** (cpu - low), 0)
    groups.unshift(bits.toString(16).padStart(8, '0'))
  }
  return `${groups.join(',')}\n`
}

function cpuinfo(files, online) {
  const id = (cpu, file) => files[`${CPU}/cpu${cpu}/topology/${file}`]?.trim()
  return online
    .map((cpu) => {
      const core = id(cpu, 'core_id')
      const ids = core === undefined ? '' : `physical id\t: ${id(cpu, 'physical_package_id')}\ncore id\t\t: ${core}\n`
      return `processor\t: ${cpu}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Test CPU\n${ids}\n`
    })
    .join('')
}

/** Returns the files of a tree and those that say the same in other words. */
export function completeTree(files) {
  const all = { ...files }
  const possible = parseList(files[`${CPU}/possible`] ?? '')
  const width = Math.max(32, ...possible.map((cpu) => cpu + 1))
  for (const [path, content] of Object.entries(files)) {
    const mask = LISTS[path.slice(path.lastIndexOf('/') + 1)]
    if (mask !== undefined)
      all[`${path.slice(0, path.lastIndexOf('/'))}/${mask}`] ??= formatMask(parseList(content), width)
  }
  for (const [path, content] of Object.entries(files)) {
    if (path.endsWith('/cpulist')) all[path.replace(/cpulist$/, 'cpumap')] ??= formatMask(parseList(content), width)
  }
  all[`${CPU}/kernel_max`] ??= '8191\n'
  if (files[`${CPU}/online`] !== undefined) all['/proc/cpuinfo'] ??= cpuinfo(files, parseList(files[`${CPU}/online`]))
  return all
}
