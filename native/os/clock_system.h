// What each system adds to clock.h: clock_linux.cc, clock_macos.cc, clock_windows.cc.
#pragma once

namespace amorsize::os {

// Whether the processor's counter is invariant and the kernel runs its own clock on it; false where that cannot be
// told.
bool kernel_trusts_counter();

}  // namespace amorsize::os
