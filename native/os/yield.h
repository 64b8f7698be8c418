// Lets other threads run.
#pragma once

#if !defined(__wasm__)
#include <thread>
#endif

namespace amorsize::os {

inline void yield() {
#if !defined(__wasm__)
  std::this_thread::yield();
#endif
}

}  // namespace amorsize::os
