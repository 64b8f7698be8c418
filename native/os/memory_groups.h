// Memory limits of the control groups, and how much of them is left.
#pragma once

#include <cstdint>
#include <optional>

#include "os/cgroup.h"
#include "os/limit.h"

namespace amorsize::os {

struct MemoryGroups {
  LowestLimit hard;  // v1 memory.limit_in_bytes and hierarchical_memory_limit, v2 memory.max
  LowestLimit high;  // v2 memory.high: above it the kernel slows the group down and reclaims
  LowestLimit swap;  // v2 memory.swap.max
  // Usage of the nearest accounted group less the longer list of its page cache, which the kernel drops before it
  // kills.
  std::optional<uint64_t> working_set;
  // min over levels of (limit - working set of that level), each level with the use of all its groups.
  LowestLimit headroom;
  // False when some level has a limit but its usage cannot be read: `headroom` is then no promise.
  bool headroom_known = true;
};

MemoryGroups read_memory_groups(const FileTree& tree, const ControlGroups& groups);

}  // namespace amorsize::os
