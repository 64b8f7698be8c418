// How many tasks (processes and threads) the control groups and the user's resource limit allow.
#pragma once

#include "os/cgroup.h"
#include "os/limit.h"

namespace amorsize::os {

struct TaskLimits {
  LowestLimit limit;
  LowestLimit available;
  bool available_known = true;  // false when some level has a limit but its count cannot be read
};

TaskLimits read_task_limits(const FileTree& tree, const ControlGroups& groups);

}  // namespace amorsize::os
