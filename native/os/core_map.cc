#include "os/core_map.h"

#include <map>
#include <tuple>

#include "os/cpuinfo.h"
#include "os/file_values.h"

namespace amorsize::os {
namespace {

using CoreId = std::tuple<uint64_t, uint64_t, uint64_t>;  // package, die, core

CpuGroups values(std::map<CoreId, CpuSet> cores) {
  CpuGroups groups;
  for (auto& [id, cpus] : cores) groups.push_back(std::move(cpus));
  return groups;
}

std::optional<CpuGroups> group_by_sysfs_ids(const FileTree& tree, const CpuSet& cpus, const CpuSet& required) {
  std::map<CoreId, CpuSet> cores;
  // An id of -1 means that the machine does not say; it is no number here.
  const auto read_id = [&](uint32_t cpu, std::string_view file) { return read_unsigned(tree, cpu_path(cpu, file)); };
  for (uint32_t cpu = cpus.next(0); cpu < kMaxCpus; cpu = cpus.next(cpu + 1)) {
    const auto package = read_id(cpu, "topology/physical_package_id");
    const auto core = read_id(cpu, "topology/core_id");
    if (package && core) {
      const auto die = read_id(cpu, "topology/die_id");
      cores[{*package, die.value_or(0), *core}].add(cpu);
    } else if (required.contains(cpu)) {
      return std::nullopt;
    }
  }
  return values(std::move(cores));
}

std::optional<CpuGroups> group_by_cpuinfo(const FileTree& tree, const CpuSet& cpus, const CpuSet& required) {
  std::string text;
  if (!tree.read("/proc/cpuinfo", &text)) return std::nullopt;
  std::map<CoreId, CpuSet> cores;
  CpuSet known;
  for (const CpuinfoProcessor& processor : parse_cpuinfo(text)) {
    if (!processor.package || !processor.core || !cpus.contains(processor.cpu)) continue;
    cores[{*processor.package, 0, *processor.core}].add(processor.cpu);
    known.add(processor.cpu);
  }
  if (known.intersection(required).count() != required.count()) return std::nullopt;
  return values(std::move(cores));
}

}  // namespace

std::string cpu_path(uint32_t cpu, std::string_view file) {
  return std::string("/sys/devices/system/cpu/cpu").append(std::to_string(cpu)).append("/").append(file);
}

std::optional<CpuGroups> group_by_list(const FileTree& tree, const CpuSet& cpus, const CpuSet& required,
                                       std::string_view file) {
  CpuGroups groups;
  CpuSet assigned;
  for (uint32_t cpu = cpus.next(0); cpu < kMaxCpus; cpu = cpus.next(cpu + 1)) {
    // A list is the same for all its members, so one read serves them all.
    if (assigned.contains(cpu)) continue;
    const auto listed = read_cpu_list(tree, cpu_path(cpu, file));
    if (!listed || !listed->contains(cpu)) {
      if (required.contains(cpu)) return std::nullopt;
      continue;
    }
    CpuSet group;
    for (uint32_t member = listed->next(0); member < kMaxCpus; member = listed->next(member + 1)) {
      if (cpus.contains(member) && !assigned.contains(member)) group.add(member);
    }
    assigned.merge(group);
    groups.push_back(std::move(group));
  }
  return groups;
}

std::optional<CpuGroups> read_cores(const FileTree& tree, const CpuSet& cpus, const CpuSet& required) {
  if (cpus.empty()) return std::nullopt;
  auto cores = group_by_list(tree, cpus, required, "topology/core_cpus_list");
  if (!cores) cores = group_by_list(tree, cpus, required, "topology/thread_siblings_list");
  if (!cores) cores = group_by_sysfs_ids(tree, cpus, required);
  if (!cores) cores = group_by_cpuinfo(tree, cpus, required);
  if (cores && cores->empty()) return std::nullopt;
  return cores;
}

}  // namespace amorsize::os
