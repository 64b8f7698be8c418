// Which logical CPUs share a physical core, by the best source the kernel offers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "os/cpu_set.h"
#include "os/file_tree.h"

namespace amorsize::os {

// One set of CPUs a core (or a package). Disjoint.
using CpuGroups = std::vector<CpuSet>;

// "/sys/devices/system/cpu/cpu<cpu>/<file>"
std::string cpu_path(uint32_t cpu, std::string_view file);

// Groups `cpus` by the list in each CPU's file. Empty optional when a CPU of `required` has no such list.
std::optional<CpuGroups> group_by_list(const FileTree& tree, const CpuSet& cpus, const CpuSet& required,
                                       std::string_view file);

// The cores of `cpus`: core_cpus_list, else thread_siblings_list, else (package, die, core) ids, else cpuinfo's ids.
// Every CPU of `required` must be known; others, such as offline CPUs, may be missing. Never guessed.
// Source: the kernel's Documentation/admin-guide/cputopology.rst.
std::optional<CpuGroups> read_cores(const FileTree& tree, const CpuSet& cpus, const CpuSet& required);

}  // namespace amorsize::os
