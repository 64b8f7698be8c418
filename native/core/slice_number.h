// Slices of time in shared words: a word holds the low bits of the number of the slice it counts for.
#pragma once

#include <cstdint>

namespace amorsize::core {

// Whether `found` is of a later slice than `slice`: whoever wants to count in the latter was held up since it read the
// clock. Numbers wrap, so a word that nobody has used for long may seem to be ahead, and takes no count until time has
// caught up. It is believed to be ahead by a 1024th of the range at most: that keeps this time short.
constexpr bool is_later_slice(int64_t found, int64_t slice, int bits) {
  const auto range = uint64_t{1} << bits;
  const uint64_t ahead = (static_cast<uint64_t>(found) - static_cast<uint64_t>(slice)) & (range - 1);
  return ahead != 0 && ahead <= range >> 10;
}

}  // namespace amorsize::core
