// What follows from the facts: how many threads, how much memory. Pure arithmetic.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "os/system_info.h"

namespace amorsize::os {

struct CpuSizing {
  std::optional<double> usable;    // CPUs, fractional
  uint64_t parallelism = 1;        // rounded up
  uint64_t parallelism_floor = 1;  // rounded down
  uint64_t workers = 1;            // threads that are always busy: one a physical core
};

inline CpuSizing size_cpu(const CpuFacts& cpu) {
  CpuSizing sizing;
  const auto clamp = [](std::optional<uint64_t> cpus, std::optional<uint64_t> quota) {
    return std::max<uint64_t>(1, std::min(cpus.value_or(UINT64_MAX), quota.value_or(UINT64_MAX)));
  };
  const std::optional<uint64_t> affinity(cpu.affinity ? cpu.affinity : cpu.online);
  std::optional<uint64_t> up, down;
  if (affinity) sizing.usable = static_cast<double>(*affinity);
  if (cpu.quota) {
    down = cpu.quota->quota / cpu.quota->period;
    up = *down + (cpu.quota->quota % cpu.quota->period != 0 ? 1 : 0);
    sizing.usable = affinity ? std::min(*sizing.usable, cpu.quota->cpus()) : cpu.quota->cpus();
  }
  if (!affinity && !up) return sizing;
  sizing.parallelism = clamp(affinity, up);
  sizing.parallelism_floor = clamp(affinity, down);
  const std::optional<uint64_t> cores(cpu.topology.cores_usable);
  sizing.workers = clamp(cores ? cores : affinity, up);
  return sizing;
}

inline std::optional<uint64_t> lower(std::optional<uint64_t> a, std::optional<uint64_t> b) {
  return a && b ? std::min(*a, *b) : (a ? a : b);
}

inline std::optional<uint64_t> effective_limit(const MemoryFacts& memory) {
  return lower(lower(memory.total, memory.nodes_total), lower(memory.hard.value, memory.high.value));
}

// What can still be allocated, and what keeps it as small as it is; no value when some limit is unknown.
inline LowestLimit available_memory(const MemoryFacts& memory) {
  LowestLimit available;
  if (!memory.headroom_known) return available;
  available.offer(memory.machine_available, memory.machine_source, std::nullopt);
  for (const LowestLimit* bound : {&memory.nodes_available, &memory.commit, &memory.headroom})
    available.offer(bound->value, bound->source.file, bound->source.height);
  return available;
}

}  // namespace amorsize::os
