#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "os/thread_placement.h"

namespace amorsize::os {
namespace {

// Signal 0 asks only whether the thread is there. Numbers of other processes' threads must not be touched.
bool is_own_thread(int32_t thread) { return thread > 0 && syscall(SYS_tgkill, getpid(), thread, 0) == 0; }

}  // namespace

int32_t this_thread() { return static_cast<int32_t>(syscall(SYS_gettid)); }

int32_t this_cpu() { return sched_getcpu(); }

bool keep_off_this_cpu(int32_t thread, Affinity* before) {
  const int32_t cpu = this_cpu();
  if (cpu < 0 || static_cast<size_t>(cpu) >= Affinity::kMaxCpus || !is_own_thread(thread)) return false;
  // The call itself, not the library's: that one does not tell how many bytes the kernel has filled.
  const long filled = syscall(SYS_sched_getaffinity, thread, sizeof(before->words), before->words);
  if (filled <= 0) return false;
  before->bytes = static_cast<size_t>(filled);
  Affinity others = *before;
  const size_t words = before->bytes / sizeof(unsigned long);
  const size_t own = static_cast<size_t>(cpu) / Affinity::kBitsOfAWord;
  if (own >= words) return false;
  others.words[own] &= ~(1UL << (static_cast<size_t>(cpu) % Affinity::kBitsOfAWord));
  if (std::all_of(others.words, others.words + words, [](unsigned long word) { return word == 0; })) return false;
  return syscall(SYS_sched_setaffinity, thread, others.bytes, others.words) == 0;
}

void restore_affinity(int32_t thread, const Affinity& before) {
  if (is_own_thread(thread)) syscall(SYS_sched_setaffinity, thread, before.bytes, before.words);
}

}  // namespace amorsize::os
