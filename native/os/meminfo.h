// The machine's memory and swap, from /proc/meminfo. Source: proc_meminfo(5).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace amorsize::os {

struct Meminfo {
  std::optional<uint64_t> total, free, available, swap_total, swap_free;  // bytes
};

Meminfo parse_meminfo(std::string_view text);

}  // namespace amorsize::os
