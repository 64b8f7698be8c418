#include "os/topology.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "os/core_map.h"
#include "os/cpuinfo.h"
#include "os/file_values.h"

namespace amorsize::os {
namespace {

std::optional<uint32_t> read_packages(const FileTree& tree, const CpuSet& online) {
  for (const std::string_view file : {"topology/package_cpus_list", "topology/core_siblings_list"}) {
    if (const auto groups = group_by_list(tree, online, online, file)) return static_cast<uint32_t>(groups->size());
  }
  std::vector<uint64_t> ids;
  for (uint32_t cpu = online.next(0); cpu < kMaxCpus; cpu = online.next(cpu + 1)) {
    const auto id = read_unsigned(tree, cpu_path(cpu, "topology/physical_package_id"));
    if (!id) return std::nullopt;
    if (std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*id);
  }
  return static_cast<uint32_t>(ids.size());
}

// The cores of `cores` that have a CPU in `cpus`, and those CPUs.
CoreKind count_kind(const CpuGroups& cores, const CpuSet& cpus) {
  CoreKind kind;
  for (const CpuSet& core : cores) {
    const uint32_t members = core.intersection(cpus).count();
    kind.cores += members > 0 ? 1 : 0;
    kind.cpus += members;
  }
  return kind;
}

// Empty when the machine does not rate its cores.
std::vector<CoreKind> kinds_by_capacity(const FileTree& tree, const CpuGroups& cores, const CpuSet& affinity) {
  std::map<uint64_t, CoreKind, std::greater<>> by_capacity;
  for (const CpuSet& core : cores) {
    const uint32_t members = core.intersection(affinity).count();
    if (members == 0) continue;
    const auto capacity = read_unsigned(tree, cpu_path(core.next(0), "cpu_capacity"));
    if (!capacity) return {};
    by_capacity[*capacity].cores += 1;
    by_capacity[*capacity].cpus += members;
  }
  std::vector<CoreKind> kinds;
  for (const auto& [capacity, kind] : by_capacity) kinds.push_back(kind);
  return kinds;
}

// Hybrid x86: the performance counters of each kind of core list its CPUs.
std::vector<CoreKind> kinds_by_counters(const FileTree& tree, const CpuGroups& cores, const CpuSet& affinity) {
  std::vector<CoreKind> kinds;
  for (const std::string_view path :
       {"/sys/devices/cpu_core/cpus", "/sys/devices/cpu_atom/cpus", "/sys/devices/cpu_lowpower/cpus"}) {
    const auto cpus = read_cpu_list(tree, path);
    if (!cpus) continue;
    const CoreKind kind = count_kind(cores, cpus->intersection(affinity));
    if (kind.cores > 0) kinds.push_back(kind);
  }
  return kinds;
}

std::optional<uint32_t> count_numa_nodes(const FileTree& tree, const CpuSet& affinity) {
  auto nodes = read_cpu_list(tree, "/sys/devices/system/node/has_cpu");
  if (!nodes) nodes = read_cpu_list(tree, "/sys/devices/system/node/online");
  if (!nodes || nodes->empty() || affinity.empty()) return std::nullopt;
  if (nodes->count() == 1) return 1;
  uint32_t count = 0;
  for (uint32_t node = nodes->next(0); node < kMaxCpus; node = nodes->next(node + 1)) {
    const auto cpus = read_cpu_list(tree, "/sys/devices/system/node/node" + std::to_string(node) + "/cpulist");
    if (!cpus) return std::nullopt;
    count += cpus->intersects(affinity) ? 1 : 0;
  }
  return count;
}

}  // namespace

std::optional<CpuSet> read_online_cpus(const FileTree& tree) {
  const auto online = read_cpu_list(tree, "/sys/devices/system/cpu/online");
  if (online && !online->empty()) return online;
  std::string text;
  if (!tree.read("/proc/cpuinfo", &text)) return std::nullopt;
  CpuSet processors;
  for (const CpuinfoProcessor& processor : parse_cpuinfo(text)) processors.add(processor.cpu);
  return processors.empty() ? std::nullopt : std::optional(processors);
}

Topology read_topology(const FileTree& tree, const std::optional<CpuSet>& online, const CpuSet& affinity) {
  Topology topology;
  topology.numa_nodes = count_numa_nodes(tree, affinity);
  // A container may be shown a list of online CPUs that is not its own mask (lxcfs), so both are looked at.
  CpuSet cpus = affinity;
  if (online) cpus.merge(*online);
  const CpuSet& required = online ? *online : affinity;
  const auto cores = read_cores(tree, cpus, required);
  if (!required.empty()) topology.packages = read_packages(tree, required);
  if (!cores) return topology;

  if (online) {
    topology.cores_online = count_kind(*cores, *online).cores;
    uint32_t widest = 0;
    for (const CpuSet& core : *cores) widest = std::max(widest, core.intersection(*online).count());
    topology.smt_width = widest;
  }
  const CoreKind usable = count_kind(*cores, affinity);
  if (usable.cores == 0) return topology;
  topology.cores_usable = usable.cores;
  topology.kinds = kinds_by_capacity(tree, *cores, affinity);
  if (topology.kinds.empty()) topology.kinds = kinds_by_counters(tree, *cores, affinity);
  if (topology.kinds.empty()) topology.kinds = {usable};
  return topology;
}

}  // namespace amorsize::os
