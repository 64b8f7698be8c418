#include <unistd.h>

#include <cstdio>
#include <mutex>

#include "os/machine_files.h"
#include "os/machine_memory.h"
#include "os/machine_names.h"
#include "os/process_identity.h"

namespace amorsize::os {
namespace {

// Names are long and may hold anything; a file's name is short. 128 bits: no two names of a user meet.
uint64_t hash_of(const std::string& text, uint64_t seed) {
  uint64_t hash = seed;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3;  // FNV-1a
  hash = (hash ^ (hash >> 32)) * 0xD6E8'FEB8'6659'FD93;
  return hash ^ (hash >> 32);
}

}  // namespace

std::string machine_file_name(core::Kind kind, const std::string& name) {
  char text[96];
  std::snprintf(text, sizeof text, "amorsize.%lu.%lld.%016llx%016llx", static_cast<unsigned long>(geteuid()),
                static_cast<long long>(kind), static_cast<unsigned long long>(hash_of(name, 0xCBF2'9CE4'8422'2325)),
                static_cast<unsigned long long>(hash_of(name, 0x9E37'79B9'7F4A'7C15)));
  return text;
}

core::Epoch current_epoch(int* error) {
  static std::mutex mutex;
  static core::Epoch epoch;
  const std::lock_guard guard(mutex);
  // A process that could open no file may be able to later.
  const int failed = epoch.is_known() ? 0 : ask_epoch(&epoch);
  if (error != nullptr) *error = failed;
  return epoch;
}

namespace {

// Never destroyed: threads may still decide while the process runs its exit handlers.
MachineFiles& files() {
  static auto* const instance = new MachineFiles(machine_directory());
  return *instance;
}

}  // namespace

MachineCells machine_cells(core::Kind kind, const std::string& name, size_t cells,
                           const std::function<void(core::Word*)>& initialize, const Adapt& adapt) {
  return files().cells(kind, name, cells, initialize, adapt);
}

void release_machine_cells(MachineMapping* mapping) { files().release(mapping); }

int64_t machine_row(const MachineMapping& mapping) { return mapping.row + 1; }

bool is_machine_row_gone(const MachineMapping& mapping, int64_t row) {
  return core::is_row_gone(mapping.header, static_cast<size_t>(row - 1), is_alive);
}

}  // namespace amorsize::os
