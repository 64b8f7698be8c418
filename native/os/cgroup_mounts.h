// Where control groups are mounted, from /proc/self/mountinfo.
#pragma once

#include <map>
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

// Takes the lines of mountinfo one by one. Malformed lines are skipped: one strange mount must not hide the rest.
// Source: proc_pid_mountinfo(5).
class CgroupMounts {
 public:
  void add(std::string_view line);

  // The visible mounts in file order: a mount on the same point hides the earlier one.
  std::vector<CgroupMount> visible() const;

 private:
  std::vector<CgroupMount> mounts_;                      // version `none` for one that is hidden
  std::map<std::string, size_t, std::less<>> at_point_;  // indexes of those that are visible
};

}  // namespace amorsize::os
