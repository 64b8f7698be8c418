#include "os/task_limits.h"

#include <string>

#include "os/text.h"

namespace amorsize::os {

TaskLimits read_task_limits(const FileTree& tree, const ControlGroups& groups) {
  TaskLimits result;
  std::string text;
  for (const CgroupChain& chain : groups.chains) {
    for (const CgroupLevel& level : chain) {
      const std::string file = level.file("pids.max");
      const auto limit = tree.read_value(file, &text) ? parse_limit(text) : std::nullopt;
      if (!limit) continue;
      result.limit.offer(limit, file, level.height);
      const auto current =
          tree.read_value(level.file("pids.current"), &text) ? parse_unsigned(trim(text)) : std::nullopt;
      if (current) {
        result.available.offer(subtract_to_zero(*limit, *current), file, level.height);
      } else {
        result.available_known = false;
      }
    }
  }
  return result;
}

}  // namespace amorsize::os
