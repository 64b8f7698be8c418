// libFuzzer target: every parser of kernel text, chosen by the first byte of the input.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "os/cgroup_membership.h"
#include "os/cgroup_mounts.h"
#include "os/cpu_quota.h"
#include "os/cpu_set.h"
#include "os/cpuinfo.h"
#include "os/meminfo.h"
#include "os/pressure.h"
#include "os/text.h"

using namespace amorsize::os;

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

bool lies_in(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_quota_order(std::string_view text) {
  std::string_view rest = text;
  const std::string_view first = take_line(&rest);
  const auto a = parse_cpu_max(first), b = parse_cpu_max(rest);
  if (!a || !b) return;
  require(a->quota > 0 && a->period > 0, "a quota is a positive ratio");
  using Wide = unsigned __int128;
  require(is_tighter(*a, *b) == (Wide{a->quota} * b->period < Wide{b->quota} * a->period),
          "ratios compare as cross products do");
}

void check_cpu_list(std::string_view text) {
  const auto set = parse_cpu_list(text);
  if (!set) return;
  uint32_t counted = 0;
  for (uint32_t cpu = set->next(0); cpu < kMaxCpus; cpu = set->next(cpu + 1)) {
    require(set->contains(cpu), "what is listed is contained");
    ++counted;
  }
  require(counted == set->count(), "all are counted");
}

void check_membership(std::string_view text) {
  for (const std::string_view controller : {"cpu", "memory", "pids"}) {
    const Membership membership = find_membership(text, controller);
    require(lies_in(membership.path, text), "the path is part of the file");
    require(membership.version == CgroupVersion::none || membership.path.front() == '/', "a path is absolute");
  }
}

void check_mounts(std::string_view text) {
  CgroupMounts mountinfo;
  while (!text.empty()) mountinfo.add(take_line(&text));
  const auto mounts = mountinfo.visible();
  for (size_t i = 0; i < mounts.size(); ++i) {
    require(mounts[i].version != CgroupVersion::none && !mounts[i].root.empty(), "only mounts of control groups");
    for (size_t j = 0; j < i; ++j) require(mounts[i].point != mounts[j].point, "a later mount hides the earlier");
  }
}

void check_numbers(std::string_view text) {
  const auto limit = parse_limit(text);
  require(!limit || *limit < kUnlimited, "a limit is below the sentinels");
  find_stat(text, "inactive_file");
  const Pressure pressure = parse_pressure(text);
  require(!pressure.some || (*pressure.some >= 0 && *pressure.some <= 101), "pressure is a percentage");
  const Meminfo info = parse_meminfo(text);
  require(!info.total || *info.total < kUnlimited, "memory is finite");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      check_quota_order(text);
      break;
    case 1:
      check_cpu_list(text);
      break;
    case 2:
      check_membership(text);
      break;
    case 3:
      check_mounts(text);
      break;
    case 4:
      check_numbers(text);
      break;
    default:
      parse_cpu_model(text);
      for (const CpuinfoProcessor& processor : parse_cpuinfo(text))
        require(processor.cpu < kMaxCpus, "a CPU number is in range");
  }
  return 0;
}
