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
    const std::string_view key = take_until(&value, ':');
    if (key == "MemTotal") info.total = parse_bytes(value);
    if (key == "MemFree") info.free = parse_bytes(value);
    if (key == "MemAvailable") info.available = parse_bytes(value);
    if (key == "SwapTotal") info.swap_total = parse_bytes(value);
    if (key == "SwapFree") {
      info.swap_free = parse_bytes(value);
      break;  // the last of them in the file
    }
  }
  return info;
}

}  // namespace amorsize::os
