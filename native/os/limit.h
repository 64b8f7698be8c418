// A limit and where it was found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace amorsize::os {

struct Source {
  std::string file;                // absolute path below the root that was read, or the name of a resource limit
  std::optional<uint32_t> height;  // levels above the process's own group; empty for what is no group's limit
};

// The smallest value offered so far, with its source.
struct LowestLimit {
  std::optional<uint64_t> value;
  Source source;

  void offer(std::optional<uint64_t> candidate, const std::string& file, std::optional<uint32_t> height) {
    if (!candidate || (value && *value <= *candidate)) return;
    value = candidate;
    source = {file, height};
  }
};

inline uint64_t subtract_to_zero(uint64_t from, uint64_t amount) { return from > amount ? from - amount : 0; }

}  // namespace amorsize::os
