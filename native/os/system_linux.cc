#include "os/system_linux.h"

#include "os/cgroup.h"
#include "os/cgroup_mounts.h"
#include "os/cpuinfo.h"
#include "os/meminfo.h"
#include "os/memory_groups.h"
#include "os/task_limits.h"

namespace amorsize::os {
namespace {

// The name stands in the first lines of cpuinfo, and the kernel queries every CPU to produce the whole of it.
std::string read_model(const FileTree& tree) {
  constexpr size_t kPrefix = 1024;
  std::string text;
  return tree.read_prefix("/proc/cpuinfo", kPrefix, &text) ? parse_cpu_model(text) : std::string();
}

Pressure read_pressure(const FileTree& tree, std::string_view path) {
  std::string text;
  return tree.read_value(path, &text) ? parse_pressure(text) : Pressure{};
}

// Only v2 groups have pressure files.
Pressure read_group_pressure(const FileTree& tree, const ControlGroups& groups, std::string_view file) {
  if (groups.version != CgroupVersion::v2 || groups.chains.empty()) return {};
  return read_pressure(tree, groups.chains.front().front().file(file));
}

std::optional<bool> visibility(const ControlGroups& groups) {
  if (groups.version == CgroupVersion::none) return std::nullopt;
  return groups.ancestors_visible;
}

CpuFacts read_cpu(const FileTree& tree, const ProcessFacts& process, const ControlGroups& groups, std::string model) {
  CpuFacts cpu;
  const auto online = read_online_cpus(tree);
  if (online) cpu.online = online->count();
  if (!process.affinity.empty()) cpu.affinity = process.affinity.count();
  cpu.topology = read_topology(tree, online, process.affinity);
  cpu.quota = read_cpu_quota(tree, groups);
  cpu.controller = groups.version;
  cpu.ancestors_visible = visibility(groups);
  cpu.model = std::move(model);
  cpu.machine_pressure = read_pressure(tree, "/proc/pressure/cpu");
  cpu.group_pressure = read_group_pressure(tree, groups, "cpu.pressure");
  return cpu;
}

MemoryFacts read_memory(const FileTree& tree, const ProcessFacts& process, const ControlGroups& groups) {
  MemoryFacts memory;
  std::string text;
  if (tree.read_value("/proc/meminfo", &text)) {
    const Meminfo machine = parse_meminfo(text);
    memory.total = machine.total;
    // Free memory is what an old or simulated kernel without MemAvailable offers for certain.
    memory.machine_available = machine.available ? machine.available : machine.free;
    memory.machine_source = "/proc/meminfo";
    memory.swap_total = machine.swap_total;
    memory.swap_free = machine.swap_free;
  }
  MemoryGroups in_groups = read_memory_groups(tree, groups);
  memory.hard = std::move(in_groups.hard);
  memory.high = std::move(in_groups.high);
  memory.swap_limit = std::move(in_groups.swap);
  memory.headroom = std::move(in_groups.headroom);
  memory.headroom_known = in_groups.headroom_known;
  memory.working_set = in_groups.working_set;
  memory.address_space.offer(process.address_space, "RLIMIT_AS", std::nullopt);
  memory.address_space.offer(process.data, "RLIMIT_DATA", std::nullopt);
  memory.page_size = process.page_size;
  memory.controller = groups.version;
  memory.ancestors_visible = visibility(groups);
  memory.machine_pressure = read_pressure(tree, "/proc/pressure/memory");
  memory.group_pressure = read_group_pressure(tree, groups, "memory.pressure");
  return memory;
}

TaskFacts read_tasks(const FileTree& tree, const ProcessFacts& process, const ControlGroups& groups) {
  TaskLimits in_groups = read_task_limits(tree, groups);
  TaskFacts tasks{std::move(in_groups.limit), std::move(in_groups.available), in_groups.available_known};
  if (process.tasks) {
    tasks.limit.offer(process.tasks, "RLIMIT_NPROC", std::nullopt);
    // The kernel counts all tasks of the user; this process's own are what can be known of them at once.
    tasks.available.offer(subtract_to_zero(*process.tasks, process.threads.value_or(0)), "RLIMIT_NPROC", std::nullopt);
  }
  return tasks;
}

SystemInfo read_all(const FileTree& tree, const ProcessFacts& process, std::string model) {
  std::string membership, mountinfo;
  tree.read_value("/proc/self/cgroup", &membership);
  tree.read("/proc/self/mountinfo", &mountinfo);
  const std::vector<CgroupMount> mounts = parse_cgroup_mounts(mountinfo);
  const auto groups = [&](std::string_view controller) {
    return find_control_groups(tree, membership, mounts, controller, process.pid);
  };
  return {read_cpu(tree, process, groups("cpu"), std::move(model)), read_memory(tree, process, groups("memory")),
          read_tasks(tree, process, groups("pids"))};
}

}  // namespace

SystemInfo read_system_tree(const FileTree& tree, const ProcessFacts& process) {
  return read_all(tree, process, read_model(tree));
}

SystemInfo read_system() {
  const FileTree machine{std::string()};
  // The one thing that cannot change while a process runs, and a tenth of the time to read it all.
  static const std::string model = read_model(machine);
  return read_all(machine, this_process(), model);
}

}  // namespace amorsize::os
