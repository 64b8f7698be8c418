// The process-wide table of names: every thread that asks for the same name and kind gets the same cells.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/layout.h"

namespace amorsize::os {

// The cells of (`kind`, `name`), zeroed and passed to `initialize` by whoever asks first. They live as long as the
// process: a name that outlasts its users keeps a worker that is restarted from getting a fresh quota. nullptr when
// there is no memory.
//
// Thread-safe. `initialize` runs under the table's lock, before another thread can see the cells; it must not call
// back.
core::Word* find_or_create_cells(core::Kind kind, const std::string& name, size_t cells,
                                 const std::function<void(core::Word*)>& initialize);

}  // namespace amorsize::os
