// Windows: processor information, affinity beyond 64 CPUs, and job objects, which are its containers.
// The tests run it under Wine, which knows no CPU caps, and in CI.
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#include <windows.h>
// After windows.h, which it needs.
#include <psapi.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <map>

#include "os/system_info.h"
#include "os/text.h"

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
    // EfficiencyClass: the byte after the flags, which older headers do not name.
    CoreKind& kind = kinds[(&core.Flags)[1]];
    kind.cores += 1;
    kind.cpus += cpus;
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

// What all processes of the innermost job have committed, in bytes.
std::optional<uint64_t> job_memory() {
  // JOBOBJECT_MEMORY_USAGE_INFORMATION, from Windows 10 on; older headers lack it.
  struct {
    ULONG64 now, peak;
  } usage{};
  constexpr auto kMemoryUsage = static_cast<JOBOBJECTINFOCLASS>(28);
  if (!QueryInformationJobObject(nullptr, kMemoryUsage, &usage, sizeof(usage), nullptr)) return std::nullopt;
  return usage.now;
}

// What this process has committed, in bytes.
std::optional<uint64_t> committed_memory() {
  PROCESS_MEMORY_COUNTERS_EX counters{};
  auto* const plain = reinterpret_cast<PROCESS_MEMORY_COUNTERS*>(&counters);
  if (!K32GetProcessMemoryInfo(GetCurrentProcess(), plain, sizeof(counters))) return std::nullopt;
  return counters.PrivateUsage;
}

// The share of the machine that a job may use at most, in hundredths of a per cent; 0 for no limit.
uint32_t hard_cap(const JOBOBJECT_CPU_RATE_CONTROL_INFORMATION& rate) {
  constexpr DWORD kEnabled = JOB_OBJECT_CPU_RATE_CONTROL_ENABLE;
  constexpr DWORD kMinMaxRate = 0x10;  // JOB_OBJECT_CPU_RATE_CONTROL_MIN_MAX_RATE; older headers lack it
  if ((rate.ControlFlags & kEnabled) == 0) return 0;
  // Two words of 16 bits, the lower and the upper bound, stand where the rate stands otherwise.
  if ((rate.ControlFlags & kMinMaxRate) != 0) return rate.CpuRate >> 16;
  return (rate.ControlFlags & JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP) != 0 ? rate.CpuRate : 0;
}

// The innermost job of this process. What Windows tells of memory holds for outer jobs too; a hard cap on the CPU of an
// outer job is not shown to the inner.
void read_job(SystemInfo* info, uint32_t online) {
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate{};
  if (QueryInformationJobObject(nullptr, JobObjectCpuRateControlInformation, &rate, sizeof(rate), nullptr)) {
    const uint32_t cap = hard_cap(rate);
    if (cap > 0 && cap < 10'000 && online > 0)
      info->cpu.quota = CpuQuota{uint64_t{cap} * online, 10'000, {"JobObjectCpuRateControlInformation", {}}};
  }
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  if (!QueryInformationJobObject(nullptr, JobObjectExtendedLimitInformation, &limits, sizeof(limits), nullptr)) return;
  const DWORD flags = limits.BasicLimitInformation.LimitFlags;
  const std::string source = "JobObjectExtendedLimitInformation";
  MemoryFacts& memory = info->memory;
  if ((flags & JOB_OBJECT_LIMIT_JOB_MEMORY) != 0) {
    memory.hard.offer(limits.JobMemoryLimit, source, std::nullopt);
    const auto used = job_memory();
    if (used) memory.headroom.offer(subtract_to_zero(limits.JobMemoryLimit, *used), source, std::nullopt);
    memory.headroom_known = memory.headroom_known && used.has_value();
  }
  if ((flags & JOB_OBJECT_LIMIT_PROCESS_MEMORY) != 0) {
    memory.hard.offer(limits.ProcessMemoryLimit, source, std::nullopt);
    const auto used = committed_memory();
    if (used) memory.headroom.offer(subtract_to_zero(limits.ProcessMemoryLimit, *used), source, std::nullopt);
    memory.headroom_known = memory.headroom_known && used.has_value();
  }
}

// Processors of one kind are taken for granted: the first one's name.
std::string read_model() {
  char name[256] = {};
  DWORD bytes = sizeof(name) - 1;
  const LSTATUS status = RegGetValueA(HKEY_LOCAL_MACHINE, "HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0",
                                      "ProcessorNameString", RRF_RT_REG_SZ, nullptr, name, &bytes);
  return status == ERROR_SUCCESS ? std::string(trim(name)) : std::string();
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
  // The one thing that cannot change while a process runs.
  static const std::string model = read_model();
  info.cpu.model = model;

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
