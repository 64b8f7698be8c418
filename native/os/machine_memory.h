// Where a POSIX system keeps memory that processes share by name: machine_memory_linux.cc, machine_memory_macos.cc.
#pragma once

#include <sys/types.h>

#include "core/machine_header.h"

namespace amorsize::os {

// Asks the kernel what times mean here. 0, or why it does not say.
int ask_epoch(core::Epoch* epoch);

// What tells the boot of the machine, for messages.
const char* boot_source();

// Gives a file of length 0 all pages of `bytes` now. One that has its length already gets the pages that it lacks,
// except on macOS. 0, or the error.
int allocate_pages(int file, off_t bytes);

}  // namespace amorsize::os
