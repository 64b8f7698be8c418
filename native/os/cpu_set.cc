#include "os/cpu_set.h"

#include <algorithm>
#include <bit>

#include "os/text.h"

namespace amorsize::os {

void CpuSet::add(uint32_t cpu) {
  if (cpu >= kMaxCpus) return;
  if (cpu / 64 >= words_.size()) words_.resize(cpu / 64 + 1);
  words_[cpu / 64] |= uint64_t{1} << (cpu % 64);
}

bool CpuSet::contains(uint32_t cpu) const {
  return cpu / 64 < words_.size() && ((words_[cpu / 64] >> (cpu % 64)) & 1) != 0;
}

uint32_t CpuSet::count() const {
  uint32_t total = 0;
  for (const uint64_t word : words_) total += static_cast<uint32_t>(std::popcount(word));
  return total;
}

bool CpuSet::intersects(const CpuSet& other) const {
  for (size_t i = 0; i < std::min(words_.size(), other.words_.size()); ++i) {
    if ((words_[i] & other.words_[i]) != 0) return true;
  }
  return false;
}

CpuSet CpuSet::intersection(const CpuSet& other) const {
  CpuSet both;
  both.words_.resize(std::min(words_.size(), other.words_.size()));
  for (size_t i = 0; i < both.words_.size(); ++i) both.words_[i] = words_[i] & other.words_[i];
  return both;
}

void CpuSet::merge(const CpuSet& other) {
  if (other.words_.size() > words_.size()) words_.resize(other.words_.size());
  for (size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
}

uint32_t CpuSet::next(uint32_t from) const {
  for (size_t i = from / 64; i < words_.size(); ++i) {
    uint64_t word = words_[i];
    if (i == from / 64) word &= ~uint64_t{0} << (from % 64);
    if (word != 0) return static_cast<uint32_t>(i * 64) + static_cast<uint32_t>(std::countr_zero(word));
  }
  return kMaxCpus;
}

std::optional<CpuSet> parse_cpu_list(std::string_view text) {
  CpuSet set;
  text = trim(text);
  while (!text.empty()) {
    std::string_view range = take_until(&text, ',');
    const bool is_single = range.find('-') == std::string_view::npos;
    const auto first = parse_unsigned(take_until(&range, '-'));
    const auto last = is_single ? first : parse_unsigned(range);
    if (!first || !last || *first > *last || *last >= kMaxCpus) return std::nullopt;
    for (uint64_t cpu = *first; cpu <= *last; ++cpu) set.add(static_cast<uint32_t>(cpu));
  }
  return set;
}

}  // namespace amorsize::os
