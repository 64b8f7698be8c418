// The CPU bandwidth limit of the control groups, as an exact ratio.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "os/cgroup.h"
#include "os/limit.h"

namespace amorsize::os {

// `quota` microseconds of CPU time in every `period` microseconds; neither is 0.
struct CpuQuota {
  uint64_t quota = 0;
  uint64_t period = 0;
  Source source;

  double cpus() const { return static_cast<double>(quota) / static_cast<double>(period); }
};

// Whether a.quota / a.period < b.quota / b.period, without rounding.
bool is_tighter(const CpuQuota& a, const CpuQuota& b);

// v2 cpu.max: "max 100000", "150000 100000". Empty: no limit, or no such text.
std::optional<CpuQuota> parse_cpu_max(std::string_view text);

// v1 cpu.cfs_quota_us and cpu.cfs_period_us. A quota of -1, and 0, mean none.
std::optional<CpuQuota> parse_cfs(std::string_view quota, std::string_view period);

// The tightest of all levels.
std::optional<CpuQuota> read_cpu_quota(const FileTree& tree, const ControlGroups& groups);

}  // namespace amorsize::os
