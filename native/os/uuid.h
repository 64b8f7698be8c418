// A number of 128 bits in a text.
#pragma once

#include <cstdint>
#include <string_view>

namespace amorsize::os {

struct Uuid {
  uint64_t high = 0;
  uint64_t low = 0;
};

// The first 32 hexadecimal digits of `text`, whatever stands between them.
inline Uuid parse_uuid(std::string_view text) {
  uint64_t halves[2] = {};
  size_t digits = 0;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0 || digits == 32) continue;
    halves[digits / 16] = halves[digits / 16] << 4 | static_cast<uint64_t>(digit);
    ++digits;
  }
  return {halves[0], halves[1]};
}

}  // namespace amorsize::os
