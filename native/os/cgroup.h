// The control groups that bind this process: its own and all visible ancestors, per controller.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "os/cgroup_membership.h"
#include "os/cgroup_mounts.h"
#include "os/file_tree.h"

namespace amorsize::os {

struct CgroupLevel {
  std::string directory;
  uint32_t height = 0;  // 0 for the process's own group, 1 for its parent, ...

  std::string file(std::string_view name) const { return directory + "/" + std::string(name); }
};

// From the process's group up to the mount point.
using CgroupChain = std::vector<CgroupLevel>;

struct ControlGroups {
  CgroupVersion version = CgroupVersion::none;
  // False when the topmost visible group is not the root of the hierarchy, so that limits above it cannot be seen.
  bool ancestors_visible = false;
  // One for each mount through which the process's group, or an ancestor of it, can be seen.
  std::vector<CgroupChain> chains;
};

// `proc_self_cgroup` and `mounts` come from files of `tree`. An empty `controller` stands for the v2 hierarchy, which a
// process has a group in even where another hierarchy has all controllers. `pid` finds the process below a mount whose
// root lies above this process's cgroup namespace.
ControlGroups find_control_groups(const FileTree& tree, std::string_view proc_self_cgroup,
                                  const std::vector<CgroupMount>& mounts, std::string_view controller, uint64_t pid);

}  // namespace amorsize::os
