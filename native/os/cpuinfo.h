// The processors of /proc/cpuinfo.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace amorsize::os {

struct CpuinfoProcessor {
  uint32_t cpu = 0;
  std::optional<uint64_t> package, core;
};

std::vector<CpuinfoProcessor> parse_cpuinfo(std::string_view text);

// The processor's name, from as much of the file as is given; empty when it does not say.
std::string parse_cpu_model(std::string_view text);

}  // namespace amorsize::os
