// Windows: processor information, affinity beyond 64 CPUs, and job objects, which are its containers.
// Not run by the authors' tests, which have no such machine; kept small and built in CI.
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#include <windows.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <map>

#include "os/system_info.h"

namespace amorsize::os {
namespace {

using GroupMasks = std::map<WORD, KAFFINITY>;  // one mask of up to 64 CPUs a processor group

uint32_t count(KAFFINITY mask) { return static_cast<uint32_t>(std::popcount(static_cast<uint64_t>(mask))); }

// Calls `visit` for every record of `relation`; the records vary in size.
bool for_each_record(LOGICAL_PROCESSOR_RELATIONSHIP relation,
                     const std::function<void(const SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX&)>& visit) {
  DWORD size = 0;
  GetLogicalProcessorInformationEx(relation, nullptr, &size);
  if (size == 0) return false;
  std::vector<char> buffer(size);
  const auto at = [&](DWORD offset) {
    return reinterpret_cast<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX*>(buffer.data() + offset);
  };
  if (!GetLogicalProcessorInformationEx(relation, at(0), &size)) return false;
  for (DWORD offset = 0; offset < size && at(offset)->Size != 0; offset += at(offset)->Size) visit(*at(offset));
  return true;
}

// The CPUs this process may use. A process spread over several groups may use all CPUs of each.
GroupMasks read_affinity() {
  GroupMasks masks;
  USHORT groups = 0;
  GetProcessGroupAffinity(GetCurrentProcess(), &groups, nullptr);
  std::vector<USHORT> numbers(groups);
  if (groups == 0 || !GetProcessGroupAffinity(GetCurrentProcess(), &groups, numbers.data())) return masks;
  DWORD_PTR process = 0, system = 0;
  if (groups == 1 && GetProcessAffinityMask(GetCurrentProcess(), &process, &system) && process != 0) {
    masks[numbers[0]] = process;
    return masks;
  }
  for (const USHORT group : numbers) {
    const DWORD active = GetActiveProcessorCount(group);
    masks[group] = active >= 64 ? ~KAFFINITY{0} : (KAFFINITY{1} << active) - 1;
  }
  return masks;
}

// How many of the CPUs of `mask` are in `affinity`.
uint32_t count_usable(const GROUP_AFFINITY& mask, const GroupMasks& affinity) {
  const auto group = affinity.find(mask.Group);
  return group == affinity.end() ? 0 : count(mask.Mask & group->second);
}

Topology read_topology(const GroupMasks& affinity) {
  Topology topology;
  uint32_t online = 0, usable = 0, widest = 0;
  std::map<BYTE, CoreKind, std::greater<>> kinds;  // a higher class is faster
  const bool known = for_each_record(RelationProcessorCore, [&](const SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX& record) {
    const PROCESSOR_RELATIONSHIP& core = record.Processor;
    const uint32_t cpus = count_usable(core.GroupMask[0], affinity);
    ++online;
    widest = std::max(widest, count(core.GroupMask[0].Mask));
    if (cpus == 0) return;
    ++usable;
    kinds[core.EfficiencyClass].cores += 1;
    kinds[core.EfficiencyClass].cpus += cpus;
  });
  if (!known || online == 0) return topology;
  topology.cores_online = online;
  topology.smt_width = widest;
  if (usable > 0) topology.cores_usable = usable;
  for (const auto& [efficiency, kind] : kinds) topology.kinds.push_back(kind);

  uint32_t packages = 0, nodes = 0;
  if (for_each_record(RelationProcessorPackage, [&](const auto&) { ++packages; })) topology.packages = packages;
  if (for_each_record(RelationNumaNode, [&](const SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX& record) {
        nodes += count_usable(record.NumaNode.GroupMask, affinity) > 0 ? 1 : 0;
      })) {
    topology.numa_nodes = nodes;
  }
  return topology;
}

// The innermost job of this process. The rates and limits of nested jobs that Windows reports are effective ones for
// memory; a hard CPU cap of an outer job is not shown to the inner.
void read_job(SystemInfo* info, uint32_t online) {
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate{};
  constexpr DWORD kHardCap = JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP;
  if (QueryInformationJobObject(nullptr, JobObjectCpuRateControlInformation, &rate, sizeof(rate), nullptr) &&
      (rate.ControlFlags & kHardCap) == kHardCap && rate.CpuRate > 0 && online > 0) {
    // CpuRate is in hundredths of a per cent of the whole machine.
    info->cpu.quota = CpuQuota{uint64_t{rate.CpuRate} * online, 10'000, {"JobObjectCpuRateControlInformation", {}}};
  }
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  if (!QueryInformationJobObject(nullptr, JobObjectExtendedLimitInformation, &limits, sizeof(limits), nullptr)) return;
  const DWORD flags = limits.BasicLimitInformation.LimitFlags;
  const std::string source = "JobObjectExtendedLimitInformation";
  if ((flags & JOB_OBJECT_LIMIT_JOB_MEMORY) != 0) info->memory.hard.offer(limits.JobMemoryLimit, source, std::nullopt);
  if ((flags & JOB_OBJECT_LIMIT_PROCESS_MEMORY) != 0)
    info->memory.hard.offer(limits.ProcessMemoryLimit, source, std::nullopt);
}

}  // namespace

SystemInfo read_system() {
  SystemInfo info;
  const GroupMasks affinity = read_affinity();
  const DWORD online = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
  if (online > 0) info.cpu.online = online;
  uint32_t usable = 0;
  for (const auto& [group, mask] : affinity) usable += count(mask);
  if (usable > 0) info.cpu.affinity = usable;
  info.cpu.topology = read_topology(affinity);
  read_job(&info, online);

  MEMORYSTATUSEX memory{};
  memory.dwLength = sizeof(memory);
  if (GlobalMemoryStatusEx(&memory)) {
    info.memory.total = memory.ullTotalPhys;
    info.memory.machine_available = memory.ullAvailPhys;
    info.memory.machine_source = "GlobalMemoryStatusEx";
    // The page file's figures include physical memory.
    info.memory.swap_total = subtract_to_zero(memory.ullTotalPageFile, memory.ullTotalPhys);
    info.memory.swap_free = subtract_to_zero(memory.ullAvailPageFile, memory.ullAvailPhys);
  }
  SYSTEM_INFO system{};
  GetSystemInfo(&system);
  info.memory.page_size = system.dwPageSize;
  return info;
}

}  // namespace amorsize::os
