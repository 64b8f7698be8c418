// A keyed table as one thread holds it.
#pragma once

#include <node_api.h>

#include "binding/handle.h"
#include "core/keyed_table.h"

namespace amorsize::binding {

struct KeyedHandle : Handle {
  static constexpr core::Kind kKind = core::Kind::kKeyedTable;
  static constexpr const char* kSubject = "keyed";
  static constexpr size_t kAllowed = core::keyed::kAllowed;
  static constexpr size_t kDenied = core::keyed::kDenied;

  core::KeyedTable<> table;

  void leave(napi_env) {}
  void close_named(napi_env env);
};

// Registers a handle and returns [tryAcquire, number] for it. `cells`: how many there are at `words`. `view` may be
// nullptr for those of a name. The handle goes when `tryAcquire` is collected.
napi_value open_keyed(napi_env env, core::Word* words, size_t cells, napi_value view, NamedCells named = {});

}  // namespace amorsize::binding
