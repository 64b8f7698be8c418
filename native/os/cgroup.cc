#include "os/cgroup.h"

#include <algorithm>
#include <map>
#include <optional>

#include "os/text.h"

namespace amorsize::os {
namespace {

using Components = std::vector<std::string_view>;

// More groups than this below a mount are not searched: detection must stay quick on any machine.
constexpr size_t kMaxSearchedGroups = 2048;

Components split_path(std::string_view path) {
  Components components;
  while (!path.empty()) {
    const std::string_view component = take_until(&path, '/');
    if (!component.empty()) components.push_back(component);
  }
  return components;
}

std::string join(std::string_view base, const Components& components) {
  std::string path(base);
  for (const std::string_view component : components) path.append("/").append(component);
  return path;
}

// Where the process's group lies relative to a mount.
struct Position {
  size_t unknown_levels = 0;  // groups between the mount point and the cgroup namespace's root, of unknown name
  Components below;           // the path from there
};

// Compares by components: "/a" is no ancestor of "/ab". Empty optional: the group is not below this mount.
std::optional<Position> locate(std::string_view group_path, std::string_view mount_root) {
  const Components group = split_path(group_path);
  const Components root = split_path(mount_root);
  size_t common = 0;
  while (common < group.size() && common < root.size() && group[common] == root[common]) ++common;

  Position position;
  position.below.assign(group.begin() + static_cast<ptrdiff_t>(common), group.end());
  if (std::find(position.below.begin(), position.below.end(), "..") != position.below.end()) return std::nullopt;
  for (size_t i = common; i < root.size(); ++i) {
    if (root[i] != "..") return std::nullopt;
    ++position.unknown_levels;
  }
  return position;
}

bool holds_process(const FileTree& tree, const std::string& directory, uint64_t pid) {
  std::string procs;
  if (!tree.read(directory + "/cgroup.procs", &procs)) return false;
  std::string_view rest = procs;
  while (!rest.empty()) {
    if (parse_unsigned(trim(take_line(&rest))) == pid) return true;
  }
  return false;
}

// The directory under `point`, at most `levels` below it, under which `below` is the group of the process.
std::optional<std::string> search(const FileTree& tree, const std::string& point, size_t levels,
                                  const Components& below, uint64_t pid) {
  std::vector<std::string> current{point};
  size_t searched = 0;
  for (size_t depth = 0;; ++depth) {
    std::vector<std::string> next;
    for (const std::string& directory : current) {
      if (holds_process(tree, join(directory, below), pid)) return directory;
      if (depth == levels || ++searched > kMaxSearchedGroups) continue;
      for (const std::string& name : tree.directories(directory, kMaxSearchedGroups))
        next.push_back(directory + "/" + name);
    }
    if (next.empty()) return std::nullopt;
    current.swap(next);
  }
}

// Every directory from `leaf` up to `point`, both included.
CgroupChain walk_up(const std::string& leaf, const std::string& point) {
  CgroupChain chain;
  std::string directory = leaf;
  for (uint32_t height = 0;; ++height) {
    chain.push_back({directory, height});
    if (directory.size() <= point.size()) return chain;
    directory.resize(directory.find_last_of('/'));
  }
}

// Only groups other than the root have cgroup.type (v2); only the root has the other two (v1).
// Source: kernel/cgroup/cgroup.c, CFTYPE_NOT_ON_ROOT and CFTYPE_ONLY_ON_ROOT.
bool is_true_root(const FileTree& tree, CgroupVersion version, const CgroupLevel& top) {
  if (version == CgroupVersion::v2) {
    return tree.probe(top.file("cgroup.type")) == Presence::absent &&
           tree.probe(top.file("cgroup.controllers")) == Presence::present;
  }
  return tree.probe(top.file("cgroup.sane_behavior")) == Presence::present ||
         tree.probe(top.file("release_agent")) == Presence::present;
}

// A mount through which the process's group, or an ancestor of it, can be seen.
struct Candidate {
  const CgroupMount* mount;
  Position position;
  int seen;  // 2: the process's group is there; 1: the mount point is; 0: neither, as below a mount that covers it
};

int how_much_is_seen(const FileTree& tree, const CgroupMount& mount, const Position& position) {
  if (position.unknown_levels == 0 && tree.probe(join(mount.point, position.below)) == Presence::present) return 2;
  return tree.probe(mount.point.empty() ? "/" : mount.point) == Presence::present ? 1 : 0;
}

// One mount for each root, in file order. Mounts with the same root show the same groups, and a machine may have
// thousands of them; the one that shows most is kept.
std::vector<Candidate> choose_mounts(const FileTree& tree, const Membership& membership,
                                     const std::vector<CgroupMount>& mounts, std::string_view controller) {
  std::vector<Candidate> chosen;
  std::map<std::string_view, size_t> by_root;
  for (const CgroupMount& mount : mounts) {
    if (mount.version != membership.version) continue;
    if (mount.version == CgroupVersion::v1 && !list_contains(mount.options, controller)) continue;
    const auto known = by_root.find(mount.root);
    if (known != by_root.end() && chosen[known->second].seen == 2) continue;
    auto position = locate(membership.path, mount.root);
    if (!position) continue;
    const int seen = how_much_is_seen(tree, mount, *position);
    if (known == by_root.end()) {
      by_root.emplace(mount.root, chosen.size());
      chosen.push_back({&mount, std::move(*position), seen});
    } else if (seen > chosen[known->second].seen) {
      chosen[known->second] = {&mount, std::move(*position), seen};
    }
  }
  return chosen;
}

}  // namespace

ControlGroups find_control_groups(const FileTree& tree, std::string_view proc_self_cgroup,
                                  const std::vector<CgroupMount>& mounts, std::string_view controller, uint64_t pid) {
  const Membership membership = find_membership(proc_self_cgroup, controller);
  ControlGroups groups;
  groups.version = membership.version;
  for (const auto& [mount, position, seen] : choose_mounts(tree, membership, mounts, controller)) {
    if (position.unknown_levels == 0) {
      groups.chains.push_back(walk_up(join(mount->point, position.below), mount->point));
    } else if (const auto base = search(tree, mount->point, position.unknown_levels, position.below, pid)) {
      groups.chains.push_back(walk_up(join(*base, position.below), mount->point));
    } else {
      // The mount point is an ancestor all the same, and its limits bind.
      groups.chains.push_back({{mount->point, static_cast<uint32_t>(position.unknown_levels + position.below.size())}});
      continue;
    }
    if (!groups.ancestors_visible)
      groups.ancestors_visible = is_true_root(tree, mount->version, groups.chains.back().back());
  }
  return groups;
}

}  // namespace amorsize::os
