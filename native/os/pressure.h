// Pressure stall information. Source: the kernel's Documentation/accounting/psi.rst.
#pragma once

#include <optional>
#include <string_view>

namespace amorsize::os {

// Per cent of the last ten seconds in which some, or all, tasks waited for the resource.
struct Pressure {
  std::optional<double> some, full;

  bool known() const { return some.has_value() || full.has_value(); }
};

Pressure parse_pressure(std::string_view text);

}  // namespace amorsize::os
