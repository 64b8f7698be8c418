#include "binding/named_cells.h"

#include <cstring>

#include "binding/bindings.h"
#include "binding/napi_values.h"
#include "binding/process_host.h"

namespace amorsize::binding {
namespace {

using os::MachineFault;

// src/memory/shared/machine-names.ts has the same words.
const char* word_of(MachineFault fault) {
  switch (fault) {
    case MachineFault::kPermission:
      return "permission";
    case MachineFault::kFull:
      return "full";
    case MachineFault::kCrowded:
      return "crowded";
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

// otherLayout(): the layout version of another copy of the addon in this process that has another one; 0 without one
napi_value ask_other_layout(napi_env env, napi_callback_info) {
  return make_double(env, static_cast<double>(other_layout()));
}

// What the collector is told that a mapping weighs: else it would see no reason to collect handles that are small.
int64_t weight_of(const NamedCells& named) {
  return static_cast<int64_t>((core::machine::kHeaderCells + named.cells) * core::kCellBytes);
}

void tell_weight(napi_env env, int64_t change) {
  int64_t total = 0;
  napi_adjust_external_memory(env, change, &total);
}

NamedCells machine_cells(napi_env env, const NameRequest& request) {
  const auto adapt = [&request](core::Word* words) {
    // Without a kind's word they are what somebody left who died while he adapted them; with another, they are refused.
    if (core::is_of_kind(words, request.kind)) return request.adapt(words);
    return words[0].load(std::memory_order_relaxed) != 0;
  };
  const os::MachineCells opened =
      os::machine_cells(request.kind, request.name, request.cells, request.initialize, adapt);
  MachineFault fault = opened.fault;
  if (fault == MachineFault::kOtherSize && request.any_size) fault = MachineFault::kNone;
  if (fault == MachineFault::kNone && !core::is_of_kind(opened.words, request.kind)) fault = MachineFault::kNotARegion;
  NamedCells named{opened.words, opened.cells, opened.mapping, opened.where};
  if (named.mapping != nullptr) tell_weight(env, weight_of(named));
  if (fault == MachineFault::kNone) return named;
  named.release(env);
  throw_fault(env, fault, opened.where, opened.error);
  return {};
}

}  // namespace

void NamedCells::release(napi_env env) {
  if (mapping != nullptr) {
    tell_weight(env, -weight_of(*this));
    os::release_machine_cells(mapping);
  }
  *this = {};
}

NamedCells named_cells(napi_env env, const NameRequest& request) {
  if (request.machine) return machine_cells(env, request);
  const auto initialize = [](core::Word* words, void* data) {
    static_cast<const NameRequest*>(data)->initialize(words);
  };
  core::Word* const words =
      process_host().cells(static_cast<int64_t>(request.kind), request.name.data(), request.name.size(), request.cells,
                           initialize, const_cast<NameRequest*>(&request));
  const char* const where = "this process";
  if (words == nullptr) throw_fault(env, MachineFault::kFull, where, 0);
  return {words, request.cells, nullptr, where};
}

napi_value refuse_damaged(napi_env env, NamedCells& named) {
  const std::string where = named.where;
  named.release(env);
  throw_fault(env, MachineFault::kNotARegion, where, 0);
  return nullptr;
}

bool register_machine(napi_env env, napi_value exports) {
  return add_function(env, exports, "machineDirectory", directory) &&
         add_function(env, exports, "otherLayout", ask_other_layout);
}

}  // namespace amorsize::binding
