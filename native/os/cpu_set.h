// A set of logical CPU numbers that grows as needed: more CPUs than fit a cpu_set_t exist.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace amorsize::os {

// Far above the kernel's own maximum of 8192; a list naming a larger number is no CPU list.
inline constexpr uint32_t kMaxCpus = 65536;

class CpuSet {
 public:
  void add(uint32_t cpu);
  bool contains(uint32_t cpu) const;
  bool empty() const { return count() == 0; }
  uint32_t count() const;
  bool intersects(const CpuSet& other) const;
  CpuSet intersection(const CpuSet& other) const;
  void merge(const CpuSet& other);

  // The smallest member >= `from`, or kMaxCpus: `for (c = s.next(0); c < kMaxCpus; c = s.next(c + 1))`.
  uint32_t next(uint32_t from) const;

 private:
  std::vector<uint64_t> words_;
};

// Parses the kernel's list format, "0-3,8,10-11"; blank text is the empty set. Empty optional: not such a list.
std::optional<CpuSet> parse_cpu_list(std::string_view text);

}  // namespace amorsize::os
