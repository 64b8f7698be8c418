// A keyed table as one thread holds it.
#pragma once

#include <node_api.h>

#include "binding/handle.h"
#include "core/keyed_table.h"

namespace amorsize::binding {

struct KeyedHandle : Handle {
  static constexpr core::Kind kKind = core::Kind::kKeyedTable;
  static constexpr const char* kSubject = "keyed";

  core::KeyedTable<> table;

  void leave(napi_env) {}
};

// Registers a handle and returns [tryAcquire, number] for it. `cells`: how many there are at `words`. `view` may be
// nullptr for those of a name. The handle goes when `tryAcquire` is collected.
napi_value open_keyed(napi_env env, core::Word* words, size_t cells, napi_value view, NamedCells named = {});

// Lets go of a table's named cells while its functions may still be called: they find an empty table.
void leave_named_table(napi_env env, KeyedHandle* handle);

}  // namespace amorsize::binding
