#include "binding/named_cells.h"

#include <cstring>

#include "binding/bindings.h"
#include "binding/napi_args.h"
#include "os/machine_names.h"
#include "os/process_names.h"

namespace amorsize::binding {
namespace {

using os::MachineFault;

// src/memory/machine-names.ts has the same words.
const char* word_of(MachineFault fault) {
  switch (fault) {
    case MachineFault::kPermission:
      return "permission";
    case MachineFault::kFull:
      return "full";
    case MachineFault::kNotARegion:
      return "not-a-region";
    case MachineFault::kOtherVersion:
      return "other-version";
    case MachineFault::kOtherClock:
      return "other-clock";
    case MachineFault::kBusy:
      return "busy";
    case MachineFault::kOtherSize:
      return "other-size";
    default:
      return "unavailable";
  }
}

void throw_fault(napi_env env, MachineFault fault, const std::string& where, int error) {
  const auto text = [env](const char* characters) {
    napi_value value = nullptr;
    napi_create_string_utf8(env, characters, NAPI_AUTO_LENGTH, &value);
    return value;
  };
  napi_value thrown = nullptr;
  const bool made = napi_create_error(env, text("ERR_SHARED_MEMORY"),
                                      text(error == 0 ? word_of(fault) : std::strerror(error)), &thrown) == napi_ok &&
                    napi_set_named_property(env, thrown, "fault", text(word_of(fault))) == napi_ok &&
                    napi_set_named_property(env, thrown, "where", text(where.c_str())) == napi_ok;
  if (!made) return void(throw_last(env, "named cells"));
  napi_throw(env, thrown);
}

// machineDirectory(): the directory whose files the machine's regions are, or an empty string
napi_value directory(napi_env env, napi_callback_info) {
  const std::string path = os::machine_directory();
  napi_value result = nullptr;
  AMORSIZE_NAPI_OR_RETURN(env, napi_create_string_utf8(env, path.data(), path.size(), &result));
  return result;
}

}  // namespace

core::Word* named_cells(napi_env env, bool machine, core::Kind kind, const std::string& name, size_t cells,
                        const std::function<void(core::Word*)>& initialize,
                        const std::function<bool(const core::Word*)>& fits, size_t* found_cells) {
  if (found_cells != nullptr) *found_cells = cells;
  if (!machine) {
    core::Word* const words = os::find_or_create_cells(kind, name, cells, initialize);
    if (words == nullptr) throw_fault(env, MachineFault::kFull, "this process", 0);
    return words;
  }
  const os::MachineCells opened = os::machine_cells(kind, name, cells, initialize, fits);
  if (found_cells != nullptr) *found_cells = opened.cells;
  MachineFault fault =
      opened.fault == MachineFault::kOtherSize && found_cells != nullptr ? MachineFault::kNone : opened.fault;
  // order: acquire. Every block starts with its kind's word, written last by `initialize`; without it these are not the
  // cells it made.
  const bool damaged =
      opened.words != nullptr && opened.words[0].load(std::memory_order_acquire) != core::kind_word(kind);
  if (fault == MachineFault::kNone && damaged) fault = MachineFault::kNotARegion;
  if (fault == MachineFault::kNone) return opened.words;
  throw_fault(env, fault, opened.where, opened.error);
  return nullptr;
}

bool register_machine(napi_env env, napi_value exports) {
  return add_function(env, exports, "machineDirectory", directory);
}

}  // namespace amorsize::binding
