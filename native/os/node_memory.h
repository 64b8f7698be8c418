// The memory of the NUMA nodes that a process may allocate from, where a cpuset or a memory policy leaves it only some.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "os/cpu_set.h"
#include "os/file_tree.h"
#include "os/meminfo.h"

namespace amorsize::os {

struct NodeMemory {
  uint64_t total = 0, available = 0;  // bytes
  std::string source;                 // the node's file, or the directory of several
};

// Empty when the process may use every node that has memory, or when the kernel does not say. `allowed` is a set of
// nodes, empty when unknown.
std::optional<NodeMemory> read_node_memory(const FileTree& tree, const CpuSet& allowed, const Meminfo& machine);

}  // namespace amorsize::os
