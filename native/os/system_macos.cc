// macOS: sysctl and Mach. There are no control groups, no affinity masks and no offline CPUs to speak of.
// Built everywhere, run by the tests in CI only.
#include <mach/mach.h>
#include <sys/resource.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "os/system_info.h"

namespace amorsize::os {
namespace {

template <typename T>
std::optional<T> read_sysctl(const std::string& name) {
  T value{};
  size_t size = sizeof(value);
  if (sysctlbyname(name.c_str(), &value, &size, nullptr, 0) != 0 || size != sizeof(value)) return std::nullopt;
  return value;
}

std::optional<uint32_t> read_count(const std::string& name) {
  const auto value = read_sysctl<int32_t>(name);
  return value && *value > 0 ? std::optional(static_cast<uint32_t>(*value)) : std::nullopt;
}

std::string read_model() {
  size_t size = 0;
  if (sysctlbyname("machdep.cpu.brand_string", nullptr, &size, nullptr, 0) != 0 || size == 0) return {};
  std::string model(size, '\0');
  if (sysctlbyname("machdep.cpu.brand_string", model.data(), &size, nullptr, 0) != 0) return {};
  model.resize(size > 0 ? size - 1 : 0);
  return model;
}

// Level 0 is the fastest.
std::vector<CoreKind> read_kinds() {
  std::vector<CoreKind> kinds;
  const uint32_t levels = read_count("hw.nperflevels").value_or(0);
  for (uint32_t level = 0; level < levels; ++level) {
    const std::string prefix = "hw.perflevel" + std::to_string(level);
    const auto cores = read_count(prefix + ".physicalcpu");
    const auto cpus = read_count(prefix + ".logicalcpu");
    if (cores && cpus) kinds.push_back({*cores, *cpus});
  }
  return kinds;
}

// What the kernel can hand out without compressing or swapping: free, inactive, and purgeable pages.
std::optional<uint64_t> read_available() {
  vm_statistics64_data_t statistics{};
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  const mach_port_t host = mach_host_self();
  const kern_return_t result =
      host_statistics64(host, HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&statistics), &count);
  mach_port_deallocate(mach_task_self(), host);
  if (result != KERN_SUCCESS) return std::nullopt;
  const uint64_t pages = uint64_t{statistics.free_count} + statistics.inactive_count + statistics.purgeable_count;
  return pages * static_cast<uint64_t>(vm_page_size);
}

// How many threads this process has.
std::optional<uint64_t> count_threads() {
  thread_act_array_t threads = nullptr;
  mach_msg_type_number_t count = 0;
  if (task_threads(mach_task_self(), &threads, &count) != KERN_SUCCESS) return std::nullopt;
  for (mach_msg_type_number_t i = 0; i < count; ++i) mach_port_deallocate(mach_task_self(), threads[i]);
  vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(threads), count * sizeof(threads[0]));
  return count;
}

std::optional<uint64_t> soft_limit(int resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return static_cast<uint64_t>(limit.rlim_cur);
}

}  // namespace

SystemInfo read_system() {
  SystemInfo info;
  Topology& topology = info.cpu.topology;
  info.cpu.online = read_count("hw.logicalcpu");
  info.cpu.affinity = info.cpu.online;
  topology.cores_online = read_count("hw.physicalcpu");
  topology.cores_usable = topology.cores_online;
  topology.packages = read_count("hw.packages");
  topology.kinds = read_kinds();
  if (info.cpu.online && topology.cores_online) {
    topology.smt_width = (*info.cpu.online + *topology.cores_online - 1) / *topology.cores_online;
    if (topology.kinds.empty()) topology.kinds = {{*topology.cores_online, *info.cpu.online}};
  }
  info.cpu.model = read_model();

  info.memory.total = read_sysctl<uint64_t>("hw.memsize");
  info.memory.machine_available = read_available();
  info.memory.machine_source = "host_statistics64";
  info.memory.page_size = static_cast<uint64_t>(vm_page_size);
  info.memory.address_space.offer(soft_limit(RLIMIT_AS), "RLIMIT_AS", std::nullopt);
  info.memory.address_space.offer(soft_limit(RLIMIT_DATA), "RLIMIT_DATA", std::nullopt);
  if (const auto swap = read_sysctl<xsw_usage>("vm.swapusage")) {
    info.memory.swap_total = swap->xsu_total;
    info.memory.swap_free = swap->xsu_avail;
  }
  // RLIMIT_NPROC counts processes here, and so limits no threads.
  if (const auto limit = read_count("kern.num_taskthreads")) {
    info.tasks.limit.offer(*limit, "kern.num_taskthreads", std::nullopt);
    if (const auto threads = count_threads())
      info.tasks.available.offer(subtract_to_zero(*limit, *threads), "kern.num_taskthreads", std::nullopt);
    else
      info.tasks.available_known = false;
  }
  return info;
}

}  // namespace amorsize::os
