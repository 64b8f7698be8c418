#pragma once

#include <functional>

namespace amorsize::os {

// Shows the address of `symbol` in each library of this process whose file ends in .node and that has it, in the order
// in which they were loaded where the system tells. A library for which `keeps` returns true is never unloaded.
void each_loaded_addon(const char* symbol, const std::function<bool(void*)>& keeps);

}  // namespace amorsize::os
