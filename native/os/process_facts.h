// What the kernel says about this process outside of the control groups: its CPU mask, memory nodes and resource
// limits.
#pragma once

#include <cstdint>
#include <optional>

#include "os/cpu_set.h"
#include "os/file_tree.h"

namespace amorsize::os {

// What sysinfo(2) says of the machine, in bytes.
struct MachineMemory {
  uint64_t total = 0, free = 0, swap_total = 0, swap_free = 0;
};

struct ProcessFacts {
  CpuSet affinity;      // empty when unknown
  CpuSet memory_nodes;  // NUMA nodes it may allocate from; empty when unknown
  uint64_t pid = 0;
  uint64_t page_size = 0;                 // bytes; 0 when unknown
  std::optional<uint64_t> threads;        // of this process
  std::optional<uint64_t> address_space;  // RLIMIT_AS, bytes
  std::optional<uint64_t> data;           // RLIMIT_DATA, bytes
  std::optional<uint64_t> tasks;          // RLIMIT_NPROC
  std::optional<MachineMemory> machine;   // for a process whose /proc shows processes only
};

// From system calls.
ProcessFacts this_process();

// From the files of a tree; what it does not hold stays unknown.
ProcessFacts process_of_tree(const FileTree& tree);

}  // namespace amorsize::os
