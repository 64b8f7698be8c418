// Which control group this process belongs to, per controller, from /proc/self/cgroup.
#pragma once

#include <string_view>

namespace amorsize::os {

enum class CgroupVersion { none, v1, v2 };

struct Membership {
  CgroupVersion version = CgroupVersion::none;
  std::string_view path;  // as the file has it, without any escapes; points into the file's text
};

// A controller named on a v1 line is v1, whatever else exists; otherwise the "0::" line is its hierarchy.
// Source: cgroups(7), "/proc/pid/cgroup".
Membership find_membership(std::string_view proc_self_cgroup, std::string_view controller);

}  // namespace amorsize::os
