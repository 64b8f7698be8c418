// libFuzzer target: all readers over a tree of files held in memory. The input is a list of files: one byte that
// chooses the path, two bytes of length, the content.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "memory_file_tree.h"
#include "os/sizing.h"
#include "os/system_linux.h"

using namespace amorsize::os;

namespace {

constexpr std::array<std::string_view, 40> kPaths{"/proc/self/cgroup",
                                                  "/proc/self/mountinfo",
                                                  "/proc/self/limits",
                                                  "/proc/self/status",
                                                  "/proc/meminfo",
                                                  "/proc/cpuinfo",
                                                  "/proc/pressure/cpu",
                                                  "/proc/pressure/memory",
                                                  "/sys/devices/system/cpu/online",
                                                  "/sys/devices/system/cpu/cpu0/topology/core_cpus_list",
                                                  "/sys/devices/system/cpu/cpu1/topology/core_cpus_list",
                                                  "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list",
                                                  "/sys/devices/system/cpu/cpu1/topology/thread_siblings_list",
                                                  "/sys/devices/system/cpu/cpu0/topology/package_cpus_list",
                                                  "/sys/devices/system/cpu/cpu0/topology/physical_package_id",
                                                  "/sys/devices/system/cpu/cpu0/topology/core_id",
                                                  "/sys/devices/system/cpu/cpu1/topology/physical_package_id",
                                                  "/sys/devices/system/cpu/cpu1/topology/core_id",
                                                  "/sys/devices/system/cpu/cpu0/cpu_capacity",
                                                  "/sys/devices/cpu_core/cpus",
                                                  "/sys/devices/cpu_atom/cpus",
                                                  "/sys/devices/system/node/has_cpu",
                                                  "/sys/devices/system/node/node0/cpulist",
                                                  "/g/cgroup.type",
                                                  "/g/cgroup.controllers",
                                                  "/g/cgroup.procs",
                                                  "/g/memory.max",
                                                  "/g/memory.current",
                                                  "/g/memory.stat",
                                                  "/g/memory.high",
                                                  "/g/cpu.max",
                                                  "/g/pids.max",
                                                  "/g/a/memory.max",
                                                  "/g/a/memory.current",
                                                  "/g/a/cpu.max",
                                                  "/g/a/cgroup.procs",
                                                  "/g/a/memory.limit_in_bytes",
                                                  "/g/a/memory.usage_in_bytes",
                                                  "/g/a/cpu.cfs_quota_us",
                                                  "/g/a/pids.max"};

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  MemoryFiles& files = memory_files();
  files.clear();
  size_t at = 0;
  while (at + 3 <= size) {
    const std::string_view path = kPaths[data[at] % kPaths.size()];
    const size_t length = std::min<size_t>(data[at + 1] | (data[at + 2] << 8), size - at - 3);
    files[std::string(path)] = std::string(reinterpret_cast<const char*>(data) + at + 3, length);
    at += 3 + length;
  }
  const FileTree tree{std::string()};
  ProcessFacts process = process_of_tree(tree);
  process.pid = 42;
  const SystemInfo info = read_system_tree(tree, process);

  const CpuSizing sizing = size_cpu(info.cpu);
  require(sizing.parallelism >= sizing.parallelism_floor && sizing.parallelism_floor >= 1,
          "sizes are positive and ordered");
  require(sizing.workers >= 1 && sizing.workers <= std::max<uint64_t>(sizing.parallelism, 1),
          "workers are within the quota");
  const Topology& topology = info.cpu.topology;
  require(!topology.cores_usable || !info.cpu.affinity || *topology.cores_usable <= *info.cpu.affinity,
          "no more cores than CPUs");
  require(!topology.smt_width || *topology.smt_width <= *info.cpu.online, "no core is wider than the machine");
  const auto available = available_memory(info.memory).value;
  require(!available || !info.memory.hard.value || info.memory.hard.value >= info.memory.headroom.value,
          "headroom is within the limit");
  const auto limit = effective_limit(info.memory);
  require(!limit || *limit < (uint64_t{1} << 62), "a limit is finite");
  return 0;
}
