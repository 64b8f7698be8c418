// Glue for the keyed window: everything names its table by number. Keys are read as the keyed table reads them.
#include <node_api.h>

#include <cmath>
#include <memory>
#include <string>

#include "binding/bindings.h"
#include "binding/bucket_handle.h"
#include "binding/environment.h"
#include "binding/keyed_handle.h"
#include "binding/named_cells.h"
#include "binding/napi_args.h"
#include "binding/times.h"
#include "core/keyed_window.h"

namespace amorsize::binding {

// A window table as one thread holds it.
struct WindowHandle {
  core::KeyedWindow<> table;
  os::FastClock clock;
  Environment* environment;
  uint32_t number = 0;
  napi_ref view = nullptr;  // keeps the SharedArrayBuffer alive; none for those of a name
  NamedCells named = {};
};

namespace {

// What a call writes for JavaScript; src/memory/window/index.ts has the same.
enum OutField : size_t { kResetMs, kRefused, kHasRoom, kOutFields };

void close_window(napi_env env, void* data, void*) {
  const std::unique_ptr<WindowHandle> handle(static_cast<WindowHandle*>(data));
  if (handle->view != nullptr) napi_delete_reference(env, handle->view);
  handle->named.release(env);
  handle->environment->windows.remove(handle->number);
  handle->environment->release();
}

// The arguments every call starts with: the table's number, the key, and the time in ms (NaN: read the clock).
template <size_t N>
struct WindowCall : Args<N> {
  WindowHandle* handle = nullptr;
  uint64_t hash = 0;
  int64_t now_ns = 0;
  bool ready = false;

  WindowCall(napi_env env, napi_callback_info info) : Args<N>(env, info) {
    double number = -1;
    if (!this->ok || !read_double(env, this->values[0], &number)) number = -1;
    Environment* environment = Environment::of(env);
    if (environment != nullptr) handle = environment->windows.find(number);
    if (handle == nullptr) {
      throw_type(env, "window: no open table of this thread has that number");
      return;
    }
    const std::optional<uint64_t> found = hash_of_key(env, this->values[1], handle->table.terms().seed);
    double ms = 0;
    if (!found || !read_double(env, this->values[2], &ms)) {
      throw_type(env, "window: a key (string, number or bigint) and a time in ms were expected");
      return;
    }
    hash = *found;
    now_ns = std::isnan(ms) ? handle->clock.now_ns() : ns_from_ms(ms);
    ready = true;
  }

  // Reads argument `index` as a whole number from `least` to `most`; throws and returns false when it is none.
  bool whole(napi_env env, size_t index, double least, double most, int64_t* out) const {
    double value = 0;
    if (!read_double(env, this->values[index], &value) || !(value >= least && value <= most)) {
      throw_range(env, "window: a number is out of range");
      return false;
    }
    *out = static_cast<int64_t>(std::ceil(value));
    return true;
  }

  // The count, with the rest in the Float64Array that is argument `index`.
  napi_value tell(napi_env env, size_t index, const core::WindowSeen& seen) const {
    napi_typedarray_type type{};
    size_t length = 0;
    void* data = nullptr;
    const bool ok =
        napi_get_typedarray_info(env, this->values[index], &type, &length, &data, nullptr, nullptr) == napi_ok &&
        type == napi_float64_array && length >= kOutFields && data != nullptr;
    if (!ok) return throw_type(env, "window: out is a Float64Array of 3");
    auto* const out = static_cast<double*>(data);
    out[kResetMs] = ms_from_wait(seen.reset_ns);
    out[kRefused] = seen.refused ? 1 : 0;
    out[kHasRoom] = seen.has_room ? 1 : 0;
    return make_double(env, static_cast<double>(seen.count));
  }
};

constexpr auto kMostMs = static_cast<double>(core::window::kMostMs);
constexpr auto kMostCount = static_cast<double>(core::window::kMostCount);

// windowHit(number, key, nowMs, windowMs, hits, limit, extend, out): count
napi_value hit(napi_env env, napi_callback_info info) {
  WindowCall<8> call(env, info);
  core::WindowHit made{};
  int64_t extend = 0;
  if (!call.ready || !call.whole(env, 3, 0, kMostMs, &made.window_ms) ||
      !call.whole(env, 4, 1, kMostCount, &made.hits) || !call.whole(env, 5, 0, kMostCount, &made.limit) ||
      !call.whole(env, 6, 0, 2, &extend))
    return nullptr;
  made.extend = static_cast<core::Extend>(extend);
  return call.tell(env, 7, call.handle->table.hit(call.now_ns, call.hash, made));
}

// windowUnhit(number, key, nowMs, hits)
napi_value unhit(napi_env env, napi_callback_info info) {
  WindowCall<4> call(env, info);
  int64_t hits = 0;
  if (call.ready && call.whole(env, 3, 1, kMostCount, &hits)) call.handle->table.unhit(call.now_ns, call.hash, hits);
  return nullptr;
}

// windowBlock(number, key, nowMs, ms, out): count
napi_value block(napi_env env, napi_callback_info info) {
  WindowCall<5> call(env, info);
  int64_t ms = 0;
  if (!call.ready || !call.whole(env, 3, 0, kMostMs, &ms)) return nullptr;
  return call.tell(env, 4, call.handle->table.block(call.now_ns, call.hash, ms));
}

// windowLook(number, key, nowMs, out): count
napi_value look(napi_env env, napi_callback_info info) {
  WindowCall<4> call(env, info);
  return call.ready ? call.tell(env, 3, call.handle->table.look(call.now_ns, call.hash)) : nullptr;
}

// windowReset(number, key, nowMs)
napi_value reset(napi_env env, napi_callback_info info) {
  WindowCall<3> call(env, info);
  if (call.ready) call.handle->table.reset(call.hash);
  return nullptr;
}

// windowClear(number, any key, nowMs)
napi_value clear(napi_env env, napi_callback_info info) {
  WindowCall<3> call(env, info);
  if (call.ready) call.handle->table.clear();
  return nullptr;
}

// windowSize(number, any key, nowMs): keys whose window or block is not over
napi_value size(napi_env env, napi_callback_info info) {
  WindowCall<3> call(env, info);
  return call.ready ? make_double(env, static_cast<double>(call.handle->table.size(call.now_ns))) : nullptr;
}

// Reads capacity, evicts, seed and time from argument `first` on. Throws and returns false when they are none.
template <size_t N>
bool read_founding(napi_env env, const Args<N>& args, size_t first, core::WindowTerms* out) {
  double capacity = 0;
  double now_ms = 0;
  bool evicts = false;
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  const bool ok =
      args.ok && read_double(env, args.values[first], &capacity) &&
      napi_get_value_bool(env, args.values[first + 1], &evicts) == napi_ok &&
      napi_get_typedarray_info(env, args.values[first + 2], &type, &length, &data, nullptr, nullptr) == napi_ok &&
      type == napi_biguint64_array && length == 2 && read_double(env, args.values[first + 3], &now_ms) &&
      capacity >= 1 && capacity <= static_cast<double>(core::kMaxCapacity);
  if (!ok) {
    throw_range(env, "window: a capacity, whether keys are evicted, a seed of 128 bits and a time were expected");
    return false;
  }
  const auto* seed = static_cast<const uint64_t*>(data);
  *out = core::WindowTerms::make(std::isnan(now_ms) ? os::monotonic_ns() : ns_from_ms(now_ms),
                                 static_cast<int64_t>(capacity), evicts, {seed[0], seed[1]});
  return true;
}

constexpr const char* kNoCells =
    "window: cells are a BigInt64Array on a SharedArrayBuffer, aligned to 64 bytes, and as many as the capacity needs";

// windowInitialize(view, capacity, evicts, seed, nowMs): writes an empty table into zeroed cells that nobody else can
// see yet.
napi_value initialize(napi_env env, napi_callback_info info) {
  const Args<5> args(env, info);
  core::WindowTerms terms{};
  if (!read_founding(env, args, 1, &terms)) return nullptr;
  core::Word* words = cells_of_view(env, args.values[0], core::keyed_cells(terms.capacity));
  if (words == nullptr) return throw_type(env, kNoCells);
  core::KeyedWindow<>::initialize(words, terms);
  return nullptr;
}

// [owner, number]: the handle goes when the owner is collected.
napi_value open_window(napi_env env, core::Word* words, size_t cells, napi_value view, NamedCells named = {}) {
  // order: acquire. Pairs with KeyedWindow::initialize: the terms of the table it announces are visible.
  const bool is_table =
      words[core::keyed::kKind].load(std::memory_order_acquire) == core::kind_word(core::Kind::kKeyedWindow);
  Environment* environment = Environment::of(env);
  if (!is_table || !core::WindowTerms::read(words).fits(cells) || environment == nullptr) {
    named.release(env);
    return throw_type(env, "window: these cells hold no keyed window of this layout version");
  }
  napi_ref reference = nullptr;
  if (view != nullptr) AMORSIZE_NAPI_OR_RETURN(env, napi_create_reference(env, view, 1, &reference));
  auto* const opened = new WindowHandle{core::KeyedWindow<>(words), {}, environment, 0, reference, named};
  opened->number = environment->windows.add(opened);
  environment->retain();
  napi_value owner = nullptr;
  if (napi_create_external(env, opened, close_window, nullptr, &owner) != napi_ok) {
    close_window(env, opened, nullptr);
    return throw_last(env, "the table's owner");
  }
  napi_value result = nullptr;
  AMORSIZE_NAPI_OR_RETURN(env, napi_create_array_with_length(env, 2, &result));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 0, owner));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 1, make_double(env, opened->number)));
  return result;
}

// windowOpen(view): [owner, number]
napi_value open(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  core::Word* words = args.ok ? cells_of_view(env, args.values[0], core::keyed::kHeaderCells) : nullptr;
  size_t length = 0;
  if (words == nullptr ||
      napi_get_typedarray_info(env, args.values[0], nullptr, &length, nullptr, nullptr, nullptr) != napi_ok)
    return throw_type(env, kNoCells);
  return open_window(env, words, length / core::kWordsPerCell, args.values[0]);
}

// windowOpenNamed(name, capacity, evicts, seed, nowMs, machine): [owner, number, capacity, evicts] with what the first
// user of the name asked for
napi_value open_named(napi_env env, napi_callback_info info) {
  const Args<6> args(env, info);
  core::WindowTerms asked{};
  std::string name;
  bool machine = false;
  if (!args.ok || !read_string(env, args.values[0], &name) ||
      napi_get_value_bool(env, args.values[5], &machine) != napi_ok)
    return throw_type(env, "window: a name and whether it is the machine's were expected");
  if (!read_founding(env, args, 1, &asked)) return nullptr;
  const auto make = [&](core::Word* created) { core::KeyedWindow<>::initialize(created, asked); };
  const auto adapt = [&](core::Word* there) {
    const core::WindowTerms other = core::WindowTerms::read(there);
    return other.capacity == asked.capacity && other.evicts == asked.evicts;
  };
  const NamedCells opened =
      named_cells(env, {machine, core::Kind::kKeyedWindow, name, core::keyed_cells(asked.capacity), make, adapt, true});
  core::Word* const words = opened.words;
  if (words == nullptr) return nullptr;
  const core::WindowTerms found = core::WindowTerms::read(words);
  // The process's own table of names has no sizes: there are as many cells as whoever made them needed.
  napi_value result =
      open_window(env, words, machine ? opened.cells : core::keyed_cells(found.capacity), nullptr, opened);
  if (result == nullptr) return nullptr;
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 2, make_double(env, static_cast<double>(found.capacity))));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 3, make_bool(env, found.evicts)));
  return result;
}

}  // namespace

bool register_window(napi_env env, napi_value exports) {
  constexpr struct {
    const char* name;
    napi_callback callback;
  } kFunctions[] = {
      {"windowInitialize", initialize},
      {"windowOpen", open},
      {"windowOpenNamed", open_named},
      {"windowHit", hit},
      {"windowUnhit", unhit},
      {"windowBlock", block},
      {"windowLook", look},
      {"windowReset", reset},
      {"windowClear", clear},
      {"windowSize", size},
  };
  for (const auto& function : kFunctions) {
    if (!add_function(env, exports, function.name, function.callback)) return false;
  }
  return true;
}

}  // namespace amorsize::binding
