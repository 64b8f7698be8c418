// Cells that have a name, of this process or of the machine: what every kind of shared thing opens by name.
#pragma once

#include <node_api.h>

#include <functional>
#include <string>

#include "core/layout.h"
#include "os/machine_names.h"

namespace amorsize::binding {

// Cells with a name, as one handle holds them.
struct NamedCells {
  core::Word* words = nullptr;
  size_t cells = 0;
  os::MachineMapping* mapping = nullptr;  // of the machine's
  std::string where;                      // the file, or what stands for it

  // Lets go of them: the region is unmapped when nobody in this process has it. Those of a process stay.
  void release(napi_env env);
};

struct NameRequest {
  bool machine;
  core::Kind kind;
  const std::string& name;
  size_t cells;
  // Writes into zeroed cells, the kind's word last.
  std::function<void(core::Word*)> initialize;
  // Makes cells of the machine that no process uses fit this caller's parameters and keeps what is in them; false: they
  // are made again. It may die at any instruction: either the cells are as they were or it has taken the kind's word
  // away. Called with cells of that kind.
  os::Adapt adapt;
  // Whether cells of another number are returned too, for the caller to judge.
  bool any_size = false;
};

// The cells of a name, shared by all threads of this process or by all processes of this user. Those that are in use
// are returned as they are: the caller compares and refuses.
//
// Returns no words with an exception pending: an Error with code ERR_SHARED_MEMORY and, for
// src/memory/shared/machine-names.ts, `fault` and `where`.
NamedCells named_cells(napi_env env, const NameRequest& request);

// Lets go of cells whose contents make no sense, and throws that. Returns nullptr.
napi_value refuse_damaged(napi_env env, NamedCells& named);

}  // namespace amorsize::binding
