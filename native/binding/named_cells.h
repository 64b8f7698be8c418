// Cells that have a name, of this process or of the machine: what every kind of shared thing opens by name.
#pragma once

#include <node_api.h>

#include <functional>
#include <string>

#include "core/layout.h"

namespace amorsize::binding {

// The cells of (`kind`, `name`), shared by all threads of this process or, with `machine`, by all processes of this
// user. Whoever asks first has them zeroed and passed to `initialize`, which writes the kind's word; see
// os/process_names.h and os/machine_names.h. `fits` tells whether cells that are there were made with this caller's
// parameters: a region of the machine that was not and that no process uses is made again. Otherwise they are returned,
// and the caller compares and refuses.
//
// Returns nullptr with an exception pending: an Error with code ERR_SHARED_MEMORY and, for src/memory/machine-names.ts,
// `fault` and `where`. A region of the machine made with another number of cells is refused as well, unless
// `found_cells` is given: then the caller judges, having been told how many there are.
core::Word* named_cells(napi_env env, bool machine, core::Kind kind, const std::string& name, size_t cells,
                        const std::function<void(core::Word*)>& initialize,
                        const std::function<bool(const core::Word*)>& fits, size_t* found_cells = nullptr);

}  // namespace amorsize::binding
