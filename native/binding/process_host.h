// What all copies of the addon in one process have in common. Two versions of a library each bring this package, so a
// process may have the addon twice; a name of the process is one thing all the same, and a doorbell rings whoever
// waits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/layout.h"

// Of libuv, which has a structure of that name.
typedef struct uv_async_s uv_async_t;

namespace amorsize::binding {

// The functions of one copy, called by all. A C interface: the copies may come from different compilers. Its first two
// words keep their place for ever.
struct ProcessHost {
  int64_t interface_version;
  int64_t layout_version;
  // See find_or_create_cells of os/process_names.h.
  core::Word* (*cells)(int64_t kind, const char* name, size_t name_bytes, size_t cells,
                       void (*initialize)(core::Word*, void*), void* data);
  // Doorbells by number; see doorbell.h. A handle is removed before it is closed.
  uint32_t (*add_bell)(uv_async_t* handle);
  void (*remove_bell)(uint32_t id);
  void (*ring)(uint32_t id);
  void (*ring_others)(uint32_t id);
};

// That of the copy of this interface and layout that was loaded first. Thread-safe.
const ProcessHost& process_host();

// The layout version of another copy in this process that has another one; 0 when there is none.
int64_t other_layout();

}  // namespace amorsize::binding
