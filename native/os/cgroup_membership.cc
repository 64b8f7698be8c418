#include "os/cgroup_membership.h"

#include "os/text.h"

namespace amorsize::os {

Membership find_membership(std::string_view proc_self_cgroup, std::string_view controller) {
  Membership found;
  while (!proc_self_cgroup.empty()) {
    std::string_view path = take_line(&proc_self_cgroup);
    if (path.find(':') == std::string_view::npos) continue;
    const std::string_view id = take_until(&path, ':');
    if (path.find(':') == std::string_view::npos) continue;
    const std::string_view controllers = take_until(&path, ':');
    if (path.empty() || path.front() != '/') continue;

    // "name=memory" is a hierarchy somebody called so; compared as a whole word it is no controller.
    if (list_contains(controllers, controller)) return {CgroupVersion::v1, path};
    if (id == "0" && controllers.empty() && found.version == CgroupVersion::none) found = {CgroupVersion::v2, path};
  }
  return found;
}

}  // namespace amorsize::os
