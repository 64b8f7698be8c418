// Which processes still run, also after their numbers have been used again.
#pragma once

#include <cstdint>

#include "core/machine_header.h"

namespace amorsize::os {

// Whether each thread counts as a process: in WebAssembly, where no thread can clean up for one that has ended.
#if defined(__wasm__)
inline constexpr bool kThreadsAreProcesses = true;
#else
inline constexpr bool kThreadsAreProcesses = false;
#endif

// This process. Asked of the kernel once, and again after a fork.
core::ProcessIdentity own_process();

// Whether `identity` still runs. True also when it cannot be known: it is of another PID namespace, or the kernel hides
// it.
//
// Thread-safe. Cost: reads one small file of /proc, about 10 µs.
bool is_alive(const core::ProcessIdentity& identity);

}  // namespace amorsize::os
