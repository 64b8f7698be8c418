#include "os/group_events.h"

#include <string>

#include "os/file_values.h"
#include "os/text.h"

namespace amorsize::os {
namespace {

constexpr double kUsPerMs = 1e3;
constexpr double kNsPerMs = 1e6;

// A file beside the one in which a limit was found.
std::string beside(const Source& source, const char* name) {
  return source.file.substr(0, source.file.rfind('/') + 1) + name;
}

}  // namespace

Throttling read_throttling(const FileTree& tree, CgroupVersion version, const Source& quota) {
  std::string text;
  if (!tree.read_value(beside(quota, "cpu.stat"), &text)) return {};
  const bool is_v1 = version == CgroupVersion::v1;
  Throttling throttling;
  throttling.periods = find_stat(text, "nr_throttled");
  if (const auto time = find_stat(text, is_v1 ? "throttled_time" : "throttled_usec")) {
    throttling.ms = static_cast<double>(*time) / (is_v1 ? kNsPerMs : kUsPerMs);
  }
  return throttling;
}

MemoryEvents read_memory_events(const FileTree& tree, CgroupVersion version, const Source& limit) {
  MemoryEvents events;
  std::string text;
  if (version == CgroupVersion::v1) {
    events.max = read_unsigned(tree, beside(limit, "memory.failcnt"));
    if (tree.read_value(beside(limit, "memory.oom_control"), &text)) events.oom_kills = find_stat(text, "oom_kill");
  } else if (tree.read_value(beside(limit, "memory.events"), &text)) {
    events.high = find_stat(text, "high");
    events.max = find_stat(text, "max");
    events.oom_kills = find_stat(text, "oom_kill");
  }
  return events;
}

}  // namespace amorsize::os
