#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "os/file_status.h"
#include "os/process_facts.h"
#include "os/text.h"

namespace amorsize::os {
namespace {

// sched_getaffinity fails with EINVAL while the mask is smaller than the kernel's own.
CpuSet read_affinity() {
  CpuSet set;
  constexpr size_t kBitsPerWord = 8 * sizeof(unsigned long);
  for (size_t words = 1024 / kBitsPerWord; words <= kMaxCpus / kBitsPerWord; words *= 2) {
    std::vector<unsigned long> mask(words);
    const size_t bytes = words * sizeof(unsigned long);
    if (sched_getaffinity(0, bytes, reinterpret_cast<cpu_set_t*>(mask.data())) == 0) {
      for (size_t cpu = 0; cpu < words * kBitsPerWord; ++cpu) {
        if ((mask[cpu / kBitsPerWord] >> (cpu % kBitsPerWord)) & 1) set.add(static_cast<uint32_t>(cpu));
      }
      return set;
    }
    if (errno != EINVAL) return set;
  }
  return set;
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

}  // namespace

ProcessFacts this_process() {
  ProcessFacts facts;
  facts.affinity = read_affinity();
  facts.pid = static_cast<uint64_t>(getpid());
  const long page_size = sysconf(_SC_PAGESIZE);
  if (page_size > 0) facts.page_size = static_cast<uint64_t>(page_size);
  // A directory's link count is 2 and one for each directory in it: here, each thread. Cheaper than any file that says
  // so.
  if (const auto tasks = status_of("/proc/self/task"); tasks && tasks->links > 2) facts.threads = tasks->links - 2;
  facts.address_space = soft_limit(RLIMIT_AS);
  facts.data = soft_limit(RLIMIT_DATA);
  facts.tasks = soft_limit(RLIMIT_NPROC);
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
    const auto allowed = parse_cpu_list(find_status(text, "Cpus_allowed_list"));
    // The file lists offline CPUs too; the kernel's own mask does not.
    std::string online_text;
    const auto online =
        tree.read("/sys/devices/system/cpu/online", &online_text) ? parse_cpu_list(online_text) : std::nullopt;
    if (allowed) facts.affinity = online ? allowed->intersection(*online) : *allowed;
  }
  return facts;
}

}  // namespace amorsize::os
