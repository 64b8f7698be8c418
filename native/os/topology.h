// Physical cores, packages, kinds of cores and NUMA nodes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "os/cpu_set.h"
#include "os/file_tree.h"

namespace amorsize::os {

// Cores that are alike, the fastest kind first.
struct CoreKind {
  uint32_t cores = 0;  // with a CPU in the affinity mask
  uint32_t cpus = 0;   // in the affinity mask
};

struct Topology {
  std::optional<uint32_t> cores_online;
  std::optional<uint32_t> cores_usable;  // with a CPU in the affinity mask
  std::optional<uint32_t> smt_width;     // online threads of the widest core
  std::optional<uint32_t> packages;      // with an online CPU
  std::vector<CoreKind> kinds;           // empty when unknown
  std::optional<uint32_t> numa_nodes;    // with a CPU in the affinity mask
};

// The online CPUs, from sysfs or else from cpuinfo; empty optional when neither says.
std::optional<CpuSet> read_online_cpus(const FileTree& tree);

Topology read_topology(const FileTree& tree, const std::optional<CpuSet>& online, const CpuSet& affinity);

}  // namespace amorsize::os
