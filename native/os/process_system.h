// What each system says about processes: process_linux.cc, process_macos.cc, process_windows.cc.
#pragma once

#include <cstdint>

namespace amorsize::os {

int64_t current_pid();

// The namespace that the number of this process is of; 0 where there is only one.
int64_t current_space();

// When a process started, in units of the system, the same for its whole life; 0 when it has ended or nobody tells.
uint64_t start_of(int64_t pid);

// Whether there is a process of which `start_of` says nothing.
bool is_there(int64_t pid);

}  // namespace amorsize::os
