// Where threads of this process run, and how to have one of them woken up on another CPU. Linux only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace amorsize::os {

// The kernel's number of the calling thread.
int32_t this_thread();

// The CPU that the calling thread runs on; -1 when it cannot be known. It may be another one by the time this returns.
int32_t this_cpu();

// Where a thread may run.
struct Affinity {
  // As many CPUs as the kernel can be built for.
  static constexpr size_t kMaxCpus = 8192;
  static constexpr size_t kBitsOfAWord = 8 * sizeof(unsigned long);

  unsigned long words[kMaxCpus / kBitsOfAWord];
  size_t bytes;
};

// Bars `thread` from the CPU that the calling thread runs on. Returns false and changes nothing when it may run nowhere
// else, is no thread of this process, or the system does not allow it; otherwise `*before` is where it might run until
// then.
bool keep_off_this_cpu(int32_t thread, Affinity* before);

// Ends that. Nothing happens when the thread has ended since. To the kernel these CPUs are now the thread's own wish:
// it will not follow when its group is given more of them. Processes that the thread starts in between keep the smaller
// set.
void restore_affinity(int32_t thread, const Affinity& before);

}  // namespace amorsize::os
