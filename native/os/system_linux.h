// Linux: all readers of this folder over one file tree.
#pragma once

#include "os/file_tree.h"
#include "os/process_facts.h"
#include "os/system_info.h"

namespace amorsize::os {

// Reads the machine whose /proc and /sys `tree` holds, for the process `process`.
SystemInfo read_system_tree(const FileTree& tree, const ProcessFacts& process);

}  // namespace amorsize::os
