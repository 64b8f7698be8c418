#include "os/pressure.h"

#include "os/text.h"

namespace amorsize::os {
namespace {

constexpr std::string_view kKey = "avg10=";

// "12.34": the kernel prints two places.
std::optional<double> parse_percent(std::string_view text) {
  const auto whole = parse_unsigned(take_until(&text, '.'));
  if (!whole || *whole > 100) return std::nullopt;
  if (text.empty()) return static_cast<double>(*whole);
  const auto fraction = parse_unsigned(text);
  if (!fraction || text.size() > 6) return std::nullopt;
  double scale = 1;
  for (size_t i = 0; i < text.size(); ++i) scale *= 10;
  return (static_cast<double>(*whole) * scale + static_cast<double>(*fraction)) / scale;
}

}  // namespace

Pressure parse_pressure(std::string_view text) {
  Pressure pressure;
  while (!text.empty()) {
    std::string_view line = take_line(&text);
    const std::string_view kind = take_word(&line);
    const std::string_view value = take_word(&line);
    if (value.substr(0, kKey.size()) != kKey) continue;
    if (kind == "some") pressure.some = parse_percent(value.substr(kKey.size()));
    if (kind == "full") pressure.full = parse_percent(value.substr(kKey.size()));
  }
  return pressure;
}

}  // namespace amorsize::os
