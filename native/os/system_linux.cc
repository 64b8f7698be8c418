#include "os/system_linux.h"

#include "os/cgroup.h"
#include "os/cgroup_mounts.h"
#include "os/cpuinfo.h"
#include "os/meminfo.h"
#include "os/memory_groups.h"
#include "os/node_memory.h"
#include "os/task_limits.h"
#include "os/text.h"

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

// `unified`: the groups of the v2 hierarchy. Only they have pressure files, whichever hierarchy has the controllers.
Pressure read_group_pressure(const FileTree& tree, const ControlGroups& unified, std::string_view file) {
  if (unified.version != CgroupVersion::v2 || unified.chains.empty()) return {};
  return read_pressure(tree, unified.chains.front().front().file(file));
}

std::optional<bool> visibility(const ControlGroups& groups) {
  if (groups.version == CgroupVersion::none) return std::nullopt;
  return groups.ancestors_visible;
}

CpuFacts read_cpu(const FileTree& tree, const ProcessFacts& process, const ControlGroups& groups,
                  const ControlGroups& unified, std::string model) {
  CpuFacts cpu;
  const auto online = read_online_cpus(tree);
  if (online) cpu.online = online->count();
  if (!process.affinity.empty()) cpu.affinity = process.affinity.count();
  cpu.topology = read_topology(tree, online, process.affinity);
  cpu.quota = read_cpu_quota(tree, groups);
  if (cpu.quota) cpu.throttling = read_throttling(tree, groups.version, cpu.quota->source);
  cpu.controller = groups.version;
  cpu.ancestors_visible = visibility(groups);
  cpu.model = std::move(model);
  cpu.machine_pressure = read_pressure(tree, "/proc/pressure/cpu");
  cpu.group_pressure = read_group_pressure(tree, unified, "cpu.pressure");
  return cpu;
}

// Where the kernel promises no more memory than it has (vm.overcommit_memory = 2), an allocation fails for what is
// promised, however much is free.
void read_commit(const FileTree& tree, const Meminfo& machine, LowestLimit* commit) {
  constexpr const char* kFile = "/proc/sys/vm/overcommit_memory";
  std::string text;
  if (!machine.commit_limit || !machine.committed || !tree.read_value(kFile, &text) || trim(text) != "2") return;
  commit->offer(subtract_to_zero(*machine.commit_limit, *machine.committed), kFile, std::nullopt);
}

void read_machine_memory(const FileTree& tree, const ProcessFacts& process, MemoryFacts* memory) {
  std::string text;
  if (!tree.read_value("/proc/meminfo", &text)) {
    if (!process.machine) return;
    memory->total = process.machine->total;
    memory->machine_available = process.machine->free;
    memory->machine_source = "sysinfo";
    memory->swap_total = process.machine->swap_total;
    memory->swap_free = process.machine->swap_free;
    return;
  }
  const Meminfo machine = parse_meminfo(text);
  memory->total = machine.total;
  // Free memory is what an old or simulated kernel without MemAvailable offers for certain.
  memory->machine_available = machine.available ? machine.available : machine.free;
  memory->machine_source = "/proc/meminfo";
  memory->swap_total = machine.swap_total;
  memory->swap_free = machine.swap_free;
  read_commit(tree, machine, &memory->commit);
  if (const auto nodes = read_node_memory(tree, process.memory_nodes, machine)) {
    memory->nodes_total = nodes->total;
    memory->nodes_available.offer(nodes->available, nodes->source, std::nullopt);
  }
}

MemoryFacts read_memory(const FileTree& tree, const ProcessFacts& process, const ControlGroups& groups,
                        const ControlGroups& unified) {
  MemoryFacts memory;
  read_machine_memory(tree, process, &memory);
  MemoryGroups in_groups = read_memory_groups(tree, groups);
  memory.hard = std::move(in_groups.hard);
  memory.high = std::move(in_groups.high);
  memory.swap_limit = std::move(in_groups.swap);
  const bool is_high_lower = memory.high.value && (!memory.hard.value || *memory.high.value < *memory.hard.value);
  const LowestLimit& binding = is_high_lower ? memory.high : memory.hard;
  if (binding.value) memory.events = read_memory_events(tree, groups, binding.source);
  memory.headroom = std::move(in_groups.headroom);
  memory.headroom_known = in_groups.headroom_known;
  memory.working_set = in_groups.working_set;
  memory.address_space.offer(process.address_space, "RLIMIT_AS", std::nullopt);
  memory.address_space.offer(process.data, "RLIMIT_DATA", std::nullopt);
  memory.page_size = process.page_size;
  memory.controller = groups.version;
  memory.ancestors_visible = visibility(groups);
  memory.machine_pressure = read_pressure(tree, "/proc/pressure/memory");
  memory.group_pressure = read_group_pressure(tree, unified, "memory.pressure");
  return memory;
}

TaskLimits read_tasks(const FileTree& tree, const ProcessFacts& process, const ControlGroups& groups) {
  TaskLimits tasks = read_task_limits(tree, groups);
  if (process.tasks) {
    tasks.limit.offer(process.tasks, "RLIMIT_NPROC", std::nullopt);
    // The kernel counts all tasks of the user; this process's own are what can be known of them at once.
    tasks.available.offer(subtract_to_zero(*process.tasks, process.threads.value_or(0)), "RLIMIT_NPROC", std::nullopt);
  }
  return tasks;
}

SystemInfo read_all(const FileTree& tree, const ProcessFacts& process, std::string model) {
  std::string membership;
  CgroupMounts mountinfo;
  const size_t before_groups = tree.unreadable().size();
  tree.read_value("/proc/self/cgroup", &membership);
  tree.read_lines("/proc/self/mountinfo", [&mountinfo](std::string_view line) { mountinfo.add(line); });
  const bool groups_known = tree.unreadable().size() == before_groups;
  const std::vector<CgroupMount> mounts = mountinfo.visible();
  const auto groups_of = [&](std::string_view controller) {
    return find_control_groups(tree, membership, mounts, controller, process.pid);
  };
  // A file that could not be read may hold a lower limit than those that could: what is left is then unknown.
  const auto all_read = [&](size_t failures_before) {
    return groups_known && tree.unreadable().size() == failures_before;
  };
  const ControlGroups cpu_groups = groups_of("cpu");
  const ControlGroups unified = cpu_groups.version == CgroupVersion::v1 ? groups_of("") : cpu_groups;

  SystemInfo info;
  info.cpu = read_cpu(tree, process, cpu_groups, unified, std::move(model));
  const size_t before_memory = tree.unreadable().size();
  info.memory = read_memory(tree, process, groups_of("memory"), unified);
  if (!all_read(before_memory)) info.memory.headroom_known = false;
  const size_t before_tasks = tree.unreadable().size();
  info.tasks = read_tasks(tree, process, groups_of("pids"));
  if (!all_read(before_tasks)) info.tasks.available_known = false;
  info.unreadable = tree.unreadable();
  return info;
}

}  // namespace

SystemInfo read_system_tree(const FileTree& tree, const ProcessFacts& process) {
  return read_all(tree, process, read_model(tree));
}

SystemInfo read_system() {
  // The one thing that cannot change while a process runs, and a tenth of the time to read it all.
  static const std::string model = read_model(FileTree{std::string()});
  const FileTree machine{std::string()};
  return read_all(machine, this_process(), model);
}

}  // namespace amorsize::os
