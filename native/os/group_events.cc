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

// v1 counts a process that was killed in its own group alone, whichever group above it has the limit: the sum over both
// and what is between them, each group once though several mounts show it.
std::optional<uint64_t> read_kills_v1(const FileTree& tree, const ControlGroups& groups, uint32_t highest) {
  std::optional<uint64_t> sum;
  for (uint32_t height = 0; height <= highest; ++height) {
    std::optional<uint64_t> kills;
    for (const CgroupChain& chain : groups.chains) {
      for (const CgroupLevel& level : chain) {
        std::string text;
        if (!kills && level.height == height && tree.read_value(level.file("memory.oom_control"), &text))
          kills = find_stat(text, "oom_kill");
      }
    }
    if (kills) sum = sum.value_or(0) + *kills;
  }
  return sum;
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

MemoryEvents read_memory_events(const FileTree& tree, const ControlGroups& groups, const Source& limit) {
  MemoryEvents events;
  std::string text;
  if (groups.version == CgroupVersion::v1) {
    events.max = read_unsigned(tree, beside(limit, "memory.failcnt"));
    events.oom_kills = read_kills_v1(tree, groups, limit.height.value_or(0));
  } else if (tree.read_value(beside(limit, "memory.events"), &text)) {
    events.high = find_stat(text, "high");
    events.max = find_stat(text, "max");
    events.oom_kills = find_stat(text, "oom_kill");
  }
  return events;
}

}  // namespace amorsize::os
