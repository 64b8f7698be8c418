#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "os/file_status.h"
#include "os/file_values.h"
#include "os/process_facts.h"
#include "os/text.h"

namespace amorsize::os {
namespace {

// Calls `ask(mask, bits)` with masks that grow while it fails with EINVAL, as the kernel does for one smaller than its
// own. Empty when it fails.
template <typename Ask>
CpuSet read_mask(Ask ask) {
  CpuSet set;
  constexpr size_t kBitsPerWord = 8 * sizeof(unsigned long);
  for (size_t words = 1024 / kBitsPerWord; words <= kMaxCpus / kBitsPerWord; words *= 2) {
    std::vector<unsigned long> mask(words);
    const size_t bits = words * kBitsPerWord;
    if (ask(mask.data(), bits)) {
      for (size_t bit = 0; bit < bits; ++bit) {
        if ((mask[bit / kBitsPerWord] >> (bit % kBitsPerWord)) & 1) set.add(static_cast<uint32_t>(bit));
      }
      return set;
    }
    if (errno != EINVAL) return set;
  }
  return set;
}

CpuSet read_affinity() {
  return read_mask([](unsigned long* mask, size_t bits) {
    return sched_getaffinity(0, bits / 8, reinterpret_cast<cpu_set_t*>(mask)) == 0;
  });
}

// The nodes of the cpuset, and of them those of a binding policy (numactl --membind), which no file shows. Empty when
// the kernel does not say, as in a sandbox.
CpuSet read_memory_nodes() {
  const CpuSet allowed = read_mask([](unsigned long* mask, size_t bits) {
    return syscall(SYS_get_mempolicy, nullptr, mask, bits, nullptr, MPOL_F_MEMS_ALLOWED) == 0;
  });
  int policy = MPOL_DEFAULT;
  const CpuSet bound = read_mask([&policy](unsigned long* mask, size_t bits) {
    return syscall(SYS_get_mempolicy, &policy, mask, bits, nullptr, 0) == 0;
  });
  return (policy & ~MPOL_MODE_FLAGS) == MPOL_BIND && !bound.empty() ? allowed.intersection(bound) : allowed;
}

// `resource` is an enumeration in glibc, a number in musl.
template <typename Resource>
std::optional<uint64_t> soft_limit(Resource resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return static_cast<uint64_t>(limit.rlim_cur);
}

// The soft limit in a line of /proc/self/limits that starts with `name`.
std::optional<uint64_t> find_limit(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    std::string_view line = take_line(&text);
    if (line.substr(0, name.size()) != name) continue;
    line.remove_prefix(name.size());
    return parse_limit(take_word(&line));
  }
  return std::nullopt;
}

std::string_view find_status(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view value = take_line(&text);
    if (take_until(&value, ':') == key) return trim(value);
  }
  return {};
}

CpuSet parse_memory_nodes(std::string_view status) {
  return parse_cpu_list(find_status(status, "Mems_allowed_list")).value_or(CpuSet());
}

std::optional<MachineMemory> ask_machine_memory() {
  struct sysinfo info {};
  if (sysinfo(&info) != 0) return std::nullopt;
  const auto bytes = [&info](unsigned long units) { return static_cast<uint64_t>(units) * info.mem_unit; };
  return MachineMemory{bytes(info.totalram), bytes(info.freeram) + bytes(info.bufferram), bytes(info.totalswap),
                       bytes(info.freeswap)};
}

}  // namespace

ProcessFacts this_process() {
  ProcessFacts facts;
  facts.affinity = read_affinity();
  facts.memory_nodes = read_memory_nodes();
  std::string status;
  if (facts.memory_nodes.empty() && FileTree("").read("/proc/self/status", &status))
    facts.memory_nodes = parse_memory_nodes(status);
  facts.pid = static_cast<uint64_t>(getpid());
  const long page_size = sysconf(_SC_PAGESIZE);
  if (page_size > 0) facts.page_size = static_cast<uint64_t>(page_size);
  // A directory's link count is 2 and one for each directory in it: here, each thread. Cheaper than any file that says
  // so.
  if (const auto tasks = status_of("/proc/self/task"); tasks && tasks->links > 2) facts.threads = tasks->links - 2;
  facts.address_space = soft_limit(RLIMIT_AS);
  facts.data = soft_limit(RLIMIT_DATA);
  facts.tasks = soft_limit(RLIMIT_NPROC);
  facts.machine = ask_machine_memory();
  return facts;
}

ProcessFacts process_of_tree(const FileTree& tree) {
  ProcessFacts facts;
  std::string text;
  if (tree.read("/proc/self/limits", &text)) {
    facts.address_space = find_limit(text, "Max address space");
    facts.data = find_limit(text, "Max data size");
    facts.tasks = find_limit(text, "Max processes");
  }
  if (tree.read("/proc/self/status", &text)) {
    facts.threads = parse_unsigned(find_status(text, "Threads"));
    facts.memory_nodes = parse_memory_nodes(text);
    const auto allowed = parse_cpu_list(find_status(text, "Cpus_allowed_list"));
    // The file lists offline CPUs too; the kernel's own mask does not.
    const auto online = read_cpu_list(tree, "/sys/devices/system/cpu/online");
    if (allowed) facts.affinity = online ? allowed->intersection(*online) : *allowed;
  }
  return facts;
}

}  // namespace amorsize::os
