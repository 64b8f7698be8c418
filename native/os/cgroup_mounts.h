// Where control groups are mounted, from /proc/self/mountinfo.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "os/cgroup_membership.h"

namespace amorsize::os {

struct CgroupMount {
  CgroupVersion version = CgroupVersion::none;
  std::string root;     // the group that appears at the mount point
  std::string point;    // absolute path of the mount point; empty for "/"
  std::string options;  // comma list; names the controllers of a v1 hierarchy
};

// The visible mounts in file order. Malformed lines are skipped: one strange mount must not hide the rest.
// Source: proc_pid_mountinfo(5).
std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo);

}  // namespace amorsize::os
