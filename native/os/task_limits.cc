#include "os/task_limits.h"

#include <string>

#include "os/file_values.h"

namespace amorsize::os {

TaskLimits read_task_limits(const FileTree& tree, const ControlGroups& groups) {
  TaskLimits result;
  for (const CgroupChain& chain : groups.chains) {
    for (const CgroupLevel& level : chain) {
      const std::string file = level.file("pids.max");
      const auto limit = read_limit(tree, file);
      if (!limit) continue;
      result.limit.offer(limit, file, level.height);
      const auto current = read_unsigned(tree, level.file("pids.current"));
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
