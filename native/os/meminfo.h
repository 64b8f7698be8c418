// The machine's memory and swap, from /proc/meminfo. Source: proc_meminfo(5).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace amorsize::os {

struct Meminfo {
  std::optional<uint64_t> total, free, available, swap_total, swap_free;  // bytes
  std::optional<uint64_t> commit_limit, committed;  // what may be promised to processes, and what has been
  // What the kernel can take back: page cache and caches of its own.
  uint64_t file_pages = 0, slab_reclaimable = 0;
};

// Also the meminfo of a NUMA node, where each line begins with "Node 0".
Meminfo parse_meminfo(std::string_view text);

}  // namespace amorsize::os
