#include "os/cpuinfo.h"

#include "os/cpu_set.h"
#include "os/text.h"

namespace amorsize::os {

std::vector<CpuinfoProcessor> parse_cpuinfo(std::string_view text) {
  std::vector<CpuinfoProcessor> processors;
  while (!text.empty()) {
    std::string_view value = take_line(&text);
    const std::string_view key = trim(take_until(&value, ':'));
    const auto number = parse_unsigned(trim(value));
    if (!number) continue;
    if (key == "processor") {
      if (*number < kMaxCpus) processors.push_back({static_cast<uint32_t>(*number), {}, {}});
    } else if (!processors.empty()) {
      if (key == "physical id") processors.back().package = number;
      if (key == "core id") processors.back().core = number;
    }
  }
  return processors;
}

std::string parse_cpu_model(std::string_view text) {
  while (!text.empty()) {
    std::string_view value = take_line(&text);
    const std::string_view key = trim(take_until(&value, ':'));
    // x86, then MIPS, then POWER.
    if (key != "model name" && key != "cpu model" && key != "cpu") continue;
    value = trim(value);
    return value == "unknown" ? std::string() : std::string(value);
  }
  return {};
}

}  // namespace amorsize::os
