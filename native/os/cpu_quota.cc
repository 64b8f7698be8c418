#include "os/cpu_quota.h"

#include <string>
#include <utility>

#include "os/text.h"

namespace amorsize::os {
namespace {

// What the kernel gives a new group; stands in when only the quota can be read, because to ignore a quota costs more.
constexpr uint64_t kDefaultPeriodUs = 100'000;

std::optional<CpuQuota> make_quota(std::optional<uint64_t> quota, std::optional<uint64_t> period) {
  if (!quota || *quota == 0 || *quota >= kUnlimited) return std::nullopt;
  if (!period || *period == 0 || *period >= kUnlimited) period = kDefaultPeriodUs;
  return CpuQuota{*quota, *period, {}};
}

}  // namespace

bool is_tighter(const CpuQuota& a, const CpuQuota& b) {
  // Euclid's way: compare the whole parts, then the reciprocals of the remainders. A cross product would need 128 bits.
  uint64_t an = a.quota, ad = a.period, bn = b.quota, bd = b.period;
  for (;;) {
    if (an / ad != bn / bd) return an / ad < bn / bd;
    const uint64_t ar = an % ad, br = bn % bd;
    if (ar == 0 || br == 0) return ar == 0 && br != 0;
    // ar/ad < br/bd exactly when bd/br < ad/ar.
    const uint64_t ad_before = ad;
    an = bd;
    ad = br;
    bn = ad_before;
    bd = ar;
  }
}

std::optional<CpuQuota> parse_cpu_max(std::string_view text) {
  const std::string_view quota = take_word(&text);
  return make_quota(parse_unsigned(quota), parse_unsigned(take_word(&text)));
}

std::optional<CpuQuota> parse_cfs(std::string_view quota, std::string_view period) {
  return make_quota(parse_unsigned(trim(quota)), parse_unsigned(trim(period)));
}

std::optional<CpuQuota> read_cpu_quota(const FileTree& tree, const ControlGroups& groups) {
  std::optional<CpuQuota> tightest;
  std::string text, period;
  for (const CgroupChain& chain : groups.chains) {
    for (const CgroupLevel& level : chain) {
      std::string file = level.file(groups.version == CgroupVersion::v2 ? "cpu.max" : "cpu.cfs_quota_us");
      if (!tree.read_value(file, &text)) continue;
      std::optional<CpuQuota> found;
      if (groups.version == CgroupVersion::v2) {
        found = parse_cpu_max(text);
      } else if (parse_limit(text)) {
        tree.read_value(level.file("cpu.cfs_period_us"), &period);
        found = parse_cfs(text, period);
      }
      if (!found || (tightest && !is_tighter(*found, *tightest))) continue;
      found->source = {std::move(file), level.height};
      tightest = std::move(found);
    }
  }
  return tightest;
}

}  // namespace amorsize::os
