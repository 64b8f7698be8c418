// A bucket as one thread holds it: where its cells are, what keeps them alive, and that thread's clock.
#pragma once

#include <node_api.h>

#include <string>
#include <string_view>

#include "binding/environment.h"
#include "binding/named_cells.h"
#include "core/token_bucket.h"
#include "core/waiters.h"
#include "os/clock.h"

namespace amorsize::binding {

struct BucketHandle {
  core::TokenBucket<> bucket;
  os::FastClock clock;
  Environment* environment;
  uint32_t number = 0;
  napi_ref view = nullptr;       // keeps the SharedArrayBuffer alive: the address of a collected one is soon reused
  int hot_call = -1;             // index of its trampoline in hot_calls.h, or -1
  NamedCells named = {};         // the cells of a bucket that has a name, with the one behind it
  std::string name = {};         // of a bucket of the process
  core::Waiters<> waiters = {};  // who else waits; none while nobody can share the bucket
  int row = core::kNoRow;        // this handle's, while its callers wait
  napi_ref waiters_view = nullptr;
};

// The cells behind a BigInt64Array, or nullptr when it is none, is too short or not aligned to cells. The view must be
// on a SharedArrayBuffer, whose memory cannot be detached; a plain ArrayBuffer is refused.
core::Word* cells_of_view(napi_env env, napi_value view, size_t cells);

// Registers a handle and returns [tryAcquire, number] for it. `view` may be nullptr for cells that live for ever. The
// handle goes when `tryAcquire` is collected.
napi_value open_bucket(napi_env env, core::Word* cells, napi_value view, NamedCells named = {},
                       std::string_view name = {});

// Gives back what callers of this handle held, who are gone.
void leave_waiters(BucketHandle* handle);

// Lets go of a bucket's named cells while its functions may still be called: they find an empty bucket.
void leave_named_bucket(napi_env env, BucketHandle* handle);

}  // namespace amorsize::binding
