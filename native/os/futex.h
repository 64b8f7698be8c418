// Sleeping on a word of shared memory until another thread, or another process, wakes the sleepers.
#pragma once

#include <cstdint>

#include "core/layout.h"

namespace amorsize::os {

// Sleeps while the low 32 bits of `word` are those of `expected`, until `wake`, at most `timeout_ns`. May return early and for no
// reason: the caller looks at the word again. Where the system has no such call between processes, it sleeps for a millisecond at most.
//
// Whoever waits for its place in time needs none of this: token buckets tell a caller how long to sleep. It is for waits that end
// when somebody else acts (a permit that is given back).
void sleep_while(const core::Word& word, int64_t expected, int64_t timeout_ns);

// Wakes up to `sleepers` threads, of any process, that sleep on `word`. To be called after the word has been changed.
void wake(const core::Word& word, int sleepers);

}  // namespace amorsize::os
