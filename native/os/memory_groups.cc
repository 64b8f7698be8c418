#include "os/memory_groups.h"

#include <algorithm>
#include <string>

#include "os/file_values.h"
#include "os/text.h"

namespace amorsize::os {
namespace {

struct FileNames {
  const char* limit;
  const char* usage;
  // Keys of memory.stat; v1 counts the groups below only in the total_ keys.
  const char* inactive;
  const char* active;
};

constexpr FileNames kV1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "total_active_file"};
constexpr FileNames kV2{"memory.max", "memory.current", "inactive_file", "active_file"};

class Reader {
 public:
  Reader(const FileTree& tree, CgroupVersion version)
      : tree_(tree), v1_(version == CgroupVersion::v1), names_(v1_ ? kV1 : kV2) {}

  void read_chain(const CgroupChain& chain) {
    no_limit_above_ = false;
    for (size_t i = 0; i < chain.size(); ++i) {
      if (!read_level(chain, i)) return;
    }
  }

  MemoryGroups take() {
    // Last, so that a limit which both name is reported where it was set.
    result_.hard.offer(inherited_.value, inherited_.source.file, inherited_.source.height);
    return std::move(result_);
  }

 private:
  // False when this level and those above do not bind the process.
  bool read_level(const CgroupChain& chain, size_t index) {
    const CgroupLevel& level = chain[index];
    const std::string limit_file = level.file(names_.limit);
    LowestLimit hard, inherited, high;
    hard.offer(read_limit(tree_, limit_file), limit_file, level.height);
    bool have_stat = false;
    if (v1_) {
      // The limit of ancestors that no mount shows is seen only here. Where the level below says that there is none,
      // the levels above it are read for their own limits only.
      if (hard.value || !no_limit_above_) {
        const std::string stat_file = level.file("memory.stat");
        have_stat = tree_.read_value(stat_file, &stat_);
        if (have_stat) {
          const auto hierarchical = find_stat(stat_, "hierarchical_memory_limit");
          if (hierarchical && *hierarchical < kUnlimited) inherited.offer(hierarchical, stat_file, level.height);
          no_limit_above_ = hierarchical && *hierarchical >= kUnlimited;
        }
      }
      if ((hard.value || inherited.value) && !is_hierarchical(chain, index)) return false;
    } else {
      const std::string high_file = level.file("memory.high");
      const std::string swap_file = level.file("memory.swap.max");
      high.offer(read_limit(tree_, high_file), high_file, level.height);
      result_.swap.offer(read_limit(tree_, swap_file), swap_file, level.height);
    }
    result_.hard.offer(hard.value, hard.source.file, level.height);
    inherited_.offer(inherited.value, inherited.source.file, level.height);
    result_.high.offer(high.value, high.source.file, level.height);

    LowestLimit bound = hard;
    bound.offer(inherited.value, inherited.source.file, level.height);
    bound.offer(high.value, high.source.file, level.height);
    if (!bound.value && result_.working_set) return true;
    const auto working_set = read_working_set(level, have_stat);
    if (!result_.working_set) result_.working_set = working_set;
    if (!bound.value) return true;
    if (working_set) {
      result_.headroom.offer(subtract_to_zero(*bound.value, *working_set), bound.source.file, level.height);
    } else {
      result_.headroom_known = false;
    }
    return true;
  }

  std::optional<uint64_t> read_working_set(const CgroupLevel& level, bool have_stat) {
    const auto usage = read_unsigned(tree_, level.file(names_.usage));
    if (!usage) return std::nullopt;
    if (!have_stat) tree_.read_value(level.file("memory.stat"), &stat_);
    // Page cache that was read once is inactive, read twice it is active; the kernel takes either before it kills. The
    // shorter of the two lists is left out: a program that works needs part of it, if only the code that it runs.
    const uint64_t inactive = find_stat(stat_, names_.inactive).value_or(0);
    const uint64_t active = find_stat(stat_, names_.active).value_or(0);
    return subtract_to_zero(*usage, std::max(inactive, active));
  }

  // Before Linux 5.11 a v1 group bound the groups below it only if its memory.use_hierarchy was set.
  bool is_hierarchical(const CgroupChain& chain, size_t index) {
    for (size_t i = 1; i <= index; ++i) {
      if (read_unsigned(tree_, chain[i].file("memory.use_hierarchy")) == 0) return false;
    }
    return true;
  }

  const FileTree& tree_;
  const bool v1_;
  const FileNames names_;
  bool no_limit_above_ = false;
  std::string stat_;
  LowestLimit inherited_;
  MemoryGroups result_;
};

}  // namespace

MemoryGroups read_memory_groups(const FileTree& tree, const ControlGroups& groups) {
  Reader reader(tree, groups.version);
  for (const CgroupChain& chain : groups.chains) reader.read_chain(chain);
  return reader.take();
}

}  // namespace amorsize::os
