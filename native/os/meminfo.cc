#include "os/meminfo.h"

#include "os/text.h"

namespace amorsize::os {
namespace {

std::optional<uint64_t> parse_bytes(std::string_view text) {
  const auto kib = parse_unsigned(take_word(&text));
  if (!kib || take_word(&text) != "kB" || *kib >= kUnlimited / 1024) return std::nullopt;
  return *kib * 1024;
}

}  // namespace

Meminfo parse_meminfo(std::string_view text) {
  Meminfo info;
  while (!text.empty()) {
    std::string_view value = take_line(&text);
    std::string_view key = take_until(&value, ':');
    if (key.substr(0, 5) == "Node ") key.remove_prefix(key.find_last_of(' ') + 1);
    if (key == "MemTotal") info.total = parse_bytes(value);
    if (key == "MemFree") info.free = parse_bytes(value);
    if (key == "MemAvailable") info.available = parse_bytes(value);
    if (key == "Active(file)" || key == "Inactive(file)") info.file_pages += parse_bytes(value).value_or(0);
    if (key == "SwapTotal") info.swap_total = parse_bytes(value);
    if (key == "SwapFree") info.swap_free = parse_bytes(value);
    if (key == "SReclaimable") info.slab_reclaimable = parse_bytes(value).value_or(0);
    if (key == "CommitLimit") info.commit_limit = parse_bytes(value);
    if (key == "Committed_AS") {
      info.committed = parse_bytes(value);
      break;  // the last of them in the file
    }
  }
  return info;
}

}  // namespace amorsize::os
