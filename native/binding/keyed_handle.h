// A keyed table as one thread holds it, and keys as JavaScript gives them.
#pragma once

#include <node_api.h>

#include <optional>

#include "binding/environment.h"
#include "binding/named_cells.h"
#include "core/keyed_table.h"
#include "os/clock.h"

namespace amorsize::binding {

struct KeyedHandle {
  core::KeyedTable<> table;
  os::FastClock clock;
  Environment* environment;
  uint32_t number = 0;
  napi_ref view = nullptr;  // keeps the SharedArrayBuffer alive; none for those of a name
  NamedCells named = {};
};

// Longer keys are refused: src/memory/keyed/hash.ts has the same limits.
inline constexpr size_t kMaxKeyUnits = 65'536;  // UTF-16 code units of a string
inline constexpr size_t kMaxKeyWords = 128;     // 64-bit words of a bigint

// The hash of a string, number or bigint; nothing when `key` is none, is NaN or too long. No exception is left pending.
// Cost: one crossing for a string of up to 255 code units, which is copied to the stack.
std::optional<uint64_t> hash_of_key(napi_env env, napi_value key, const core::HashSeed& seed);

// Registers a handle and returns [tryAcquire, number] for it. `cells`: how many there are at `words`. `view` may be
// nullptr for those of a name. The handle goes when `tryAcquire` is collected.
napi_value open_keyed(napi_env env, core::Word* words, size_t cells, napi_value view, NamedCells named = {});

// Lets go of a table's named cells while its functions may still be called: they find an empty table.
void leave_named_table(napi_env env, KeyedHandle* handle);

}  // namespace amorsize::binding
