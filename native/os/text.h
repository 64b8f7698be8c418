// Pieces of text as the kernel writes it: lines, words, numbers. Pure functions over views; nothing is copied, and text
// that is not what it should be is an empty optional, never a fault.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace amorsize::os {

inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

inline std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Removes the text up to the first `separator` from `rest` and returns it; the whole rest when there is none.
inline std::string_view take_until(std::string_view* rest, char separator) {
  const size_t end = rest->find(separator);
  const std::string_view taken = rest->substr(0, end);
  rest->remove_prefix(end == std::string_view::npos ? rest->size() : end + 1);
  return taken;
}

inline std::string_view take_line(std::string_view* rest) { return take_until(rest, '\n'); }

// Removes the next word, separated by blanks, from `rest`; empty at the end.
inline std::string_view take_word(std::string_view* rest) {
  while (!rest->empty() && is_blank(rest->front())) rest->remove_prefix(1);
  size_t end = 0;
  while (end < rest->size() && !is_blank((*rest)[end])) ++end;
  const std::string_view word = rest->substr(0, end);
  rest->remove_prefix(end);
  return word;
}

// Digits only. A number too large for 64 bits is UINT64_MAX: it is still known to be large.
inline std::optional<uint64_t> parse_unsigned(std::string_view text) {
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  bool saturated = false;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const uint64_t digit = static_cast<uint64_t>(c - '0');
    if (value > (UINT64_MAX - digit) / 10) saturated = true;
    value = value * 10 + digit;
  }
  return saturated ? UINT64_MAX : value;
}

// From here on a number means "no limit": the kernel's own sentinels differ by page size, and all lie above.
inline constexpr uint64_t kUnlimited = uint64_t{1} << 62;

// The number in a limit file; empty for "max", a negative number, a sentinel, and anything that is no number.
inline std::optional<uint64_t> parse_limit(std::string_view text) {
  const auto value = parse_unsigned(trim(text));
  if (!value || *value >= kUnlimited) return std::nullopt;
  return value;
}

// The value of the first line "key value", as in memory.stat.
inline std::optional<uint64_t> find_stat(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = take_line(&text);
    if (line.size() <= key.size() || line.substr(0, key.size()) != key || line[key.size()] != ' ') continue;
    return parse_unsigned(trim(line.substr(key.size())));
  }
  return std::nullopt;
}

// Whether the comma-separated `list` holds exactly `word`.
inline bool list_contains(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    if (take_until(&list, ',') == word) return true;
  }
  return false;
}

}  // namespace amorsize::os
