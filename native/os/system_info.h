// Everything the machine and the container say about cores, memory and tasks. One file per operating system fills it:
// system_linux.cc, system_macos.cc, system_windows.cc. An empty optional is "unknown" or, for a limit, "none".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "os/cgroup_membership.h"
#include "os/cpu_quota.h"
#include "os/group_events.h"
#include "os/limit.h"
#include "os/pressure.h"
#include "os/task_limits.h"
#include "os/topology.h"

namespace amorsize::os {

struct CpuFacts {
  std::optional<uint32_t> online, affinity;  // logical CPUs
  std::optional<CpuQuota> quota;
  Throttling throttling;
  Topology topology;
  CgroupVersion controller = CgroupVersion::none;
  std::optional<bool> ancestors_visible;
  std::string model;
  Pressure machine_pressure, group_pressure;
};

// Bytes.
struct MemoryFacts {
  std::optional<uint64_t> total, machine_available;
  std::optional<uint64_t> nodes_total;  // of the NUMA nodes this process is bound to; empty when it may use all
  LowestLimit nodes_available;
  LowestLimit commit;          // what the kernel may still promise, where it promises no more than it has
  std::string machine_source;  // what machine_available was read from
  LowestLimit hard, high, headroom;
  bool headroom_known = true;  // false: a limit, or the use of what is limited, cannot be read
  std::optional<uint64_t> working_set;
  LowestLimit address_space;
  std::optional<uint64_t> swap_total, swap_free;
  LowestLimit swap_limit;
  MemoryEvents events;
  uint64_t page_size = 0;
  CgroupVersion controller = CgroupVersion::none;
  std::optional<bool> ancestors_visible;
  Pressure machine_pressure, group_pressure;
};

struct SystemInfo {
  CpuFacts cpu;
  MemoryFacts memory;
  TaskLimits tasks;
  std::vector<std::string> unreadable;  // files that are there and could not be read
};

// Reads this machine as it is for this process, afresh.
SystemInfo read_system();

}  // namespace amorsize::os
