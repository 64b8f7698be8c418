// FileTree over files in memory, linked instead of native/os/file_tree.cc: the readers under test are the same.
#pragma once

#include <map>
#include <string>

#include "os/file_tree.h"

using MemoryFiles = std::map<std::string, std::string>;

MemoryFiles& memory_files();
