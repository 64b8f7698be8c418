// How often the limits of the control groups have held the processes up.
#pragma once

#include <cstdint>
#include <optional>

#include "os/cgroup.h"
#include "os/cgroup_membership.h"
#include "os/file_tree.h"
#include "os/limit.h"

namespace amorsize::os {

// Of the group whose quota binds, since it was made.
struct Throttling {
  std::optional<uint64_t> periods;  // of the quota's, in which a thread had to wait for the next one
  std::optional<double> ms;         // for how long, over all processors
};

// `quota`: where the quota was found.
Throttling read_throttling(const FileTree& tree, CgroupVersion version, const Source& quota);

// Of the group whose limit binds, with the groups below it, since it was made.
struct MemoryEvents {
  std::optional<uint64_t> high;  // throttled and made to give memory back, above memory.high; v2 only
  std::optional<uint64_t> max;   // at the hard limit: the kernel had to free memory first
  // Processes that the kernel has killed; v1: those of the process's own group and of the groups up to this one.
  std::optional<uint64_t> oom_kills;
};

// `limit`: where the limit was found.
MemoryEvents read_memory_events(const FileTree& tree, const ControlGroups& groups, const Source& limit);

}  // namespace amorsize::os
