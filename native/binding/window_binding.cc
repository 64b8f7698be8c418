// Glue for the keyed window: everything names its table by number. Keys are read as the keyed table reads them.
#include <node_api.h>

#include <cmath>
#include <string>

#include "binding/bindings.h"
#include "binding/call.h"
#include "core/keyed_window.h"

namespace amorsize::binding {

// A window table as one thread holds it.
struct WindowHandle : Handle {
  static constexpr core::Kind kKind = core::Kind::kKeyedWindow;
  static constexpr const char* kSubject = "window";

  core::KeyedWindow<> table;

  void leave(napi_env) {}
};

namespace {

// What a call writes for JavaScript; src/memory/window/native.ts has the same.
enum OutField : size_t { kResetMs, kRefused, kHasRoom, kOutFields };

// The count; the rest is written.
napi_value tell(napi_env env, double* out, const core::WindowSeen& seen) {
  out[kResetMs] = ms_from_wait(seen.reset_ns);
  out[kRefused] = seen.refused ? 1 : 0;
  out[kHasRoom] = seen.has_room ? 1 : 0;
  return make_double(env, static_cast<double>(seen.count));
}

// Parts of a millisecond count as a whole one.
int64_t rounded_up(double value) { return static_cast<int64_t>(std::ceil(value)); }

// windowHit(number, key, nowMs, windowMs, hits, limit, extend, out): count
napi_value hit(napi_env env, napi_callback_info info) {
  KeyCall<WindowHandle, 8> call(env, info);
  core::WindowHit made{};
  made.window_ms = rounded_up(call.number(3, rules::kWindowMs));
  made.hits = call.whole(4, rules::kHits);
  made.limit = call.whole(5, rules::kHitLimit);
  made.extend = static_cast<core::Extend>(call.whole(6, rules::kExtend));
  double* const out = call.doubles(7, kOutFields);
  return call.ok ? tell(env, out, call.handle->table.hit(call.now, call.hash, made)) : nullptr;
}

// windowUnhit(number, key, nowMs, hits)
napi_value unhit(napi_env env, napi_callback_info info) {
  KeyCall<WindowHandle, 4> call(env, info);
  const int64_t hits = call.whole(3, rules::kHits);
  if (call.ok) call.handle->table.unhit(call.now, call.hash, hits);
  return nullptr;
}

// windowBlock(number, key, nowMs, ms, out): count
napi_value block(napi_env env, napi_callback_info info) {
  KeyCall<WindowHandle, 5> call(env, info);
  const int64_t ms = rounded_up(call.number(3, rules::kBlockMs));
  double* const out = call.doubles(4, kOutFields);
  return call.ok ? tell(env, out, call.handle->table.block(call.now, call.hash, ms)) : nullptr;
}

// windowLook(number, key, nowMs, out): count
napi_value look(napi_env env, napi_callback_info info) {
  KeyCall<WindowHandle, 4> call(env, info);
  double* const out = call.doubles(3, kOutFields);
  return call.ok ? tell(env, out, call.handle->table.look(call.now, call.hash)) : nullptr;
}

// windowReset(number, key, nowMs)
napi_value reset(napi_env env, napi_callback_info info) {
  KeyCall<WindowHandle, 3> call(env, info);
  if (call.ok) call.handle->table.reset(call.hash);
  return nullptr;
}

// windowClear(number, any key, nowMs)
napi_value clear(napi_env env, napi_callback_info info) {
  KeyCall<WindowHandle, 3> call(env, info);
  if (call.ok) call.handle->table.clear();
  return nullptr;
}

// windowSize(number, any key, nowMs): keys whose window or block is not over
napi_value size(napi_env env, napi_callback_info info) {
  KeyCall<WindowHandle, 3> call(env, info);
  return call.ok ? make_double(env, static_cast<double>(call.handle->table.size(call.now))) : nullptr;
}

// Reads capacity, evicts, seed and time from argument `first` on.
core::WindowTerms read_founding(Reader& args, size_t first) {
  const int64_t capacity = args.whole(first, rules::kCapacity);
  const bool evicts = args.boolean(first + 1);
  const core::HashSeed seed = args.seed(first + 2);
  const double now_ms = args.number(first + 3, rules::kTime);
  return args.ok ? core::WindowTerms::make(founding_ns(now_ms), capacity, evicts, seed) : core::WindowTerms{};
}

// windowInitialize(view, capacity, evicts, seed, nowMs): writes an empty table into zeroed cells that nobody else can
// see yet.
napi_value initialize(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info, WindowHandle::kSubject);
  const core::WindowTerms terms = read_founding(args, 1);
  core::Word* const words = args.ok ? args.cells(0, core::keyed_cells(terms.capacity)) : nullptr;
  if (args.ok) core::KeyedWindow<>::initialize(words, terms);
  return nullptr;
}

// [owner, number]: the handle goes when the owner is collected.
napi_value open_window(napi_env env, core::Word* words, size_t cells, napi_value view, NamedCells named = {}) {
  if (!core::is_of_kind(words, WindowHandle::kKind) || !core::WindowTerms::read(words).fits(cells)) {
    named.release(env);
    return throw_type(env, "window: these cells hold no keyed window of this layout version");
  }
  Opening<WindowHandle> opening(env, view, named, core::KeyedWindow<>(words));
  opening.add_owner();
  opening.add_number();
  return opening.result();
}

// Adds to what an opening gives what the table was made with.
napi_value with_founding(napi_env env, napi_value opened, const core::WindowTerms& found) {
  return append(env, opened, {make_double(env, static_cast<double>(found.capacity)), make_bool(env, found.evicts)});
}

// windowOpen(view): [owner, number, capacity, evicts]
napi_value open(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info, WindowHandle::kSubject);
  core::Word* const words = args.cells(0, core::keyed::kHeaderCells);
  if (!args.ok) return nullptr;
  napi_value result = open_window(env, words, args.cell_count(0), args.values[0]);
  return with_founding(env, result, core::WindowTerms::read(words));
}

// windowOpenNamed(name, capacity, evicts, seed, nowMs, machine): [owner, number, capacity, evicts] with what the first
// user of the name asked for
napi_value open_named(napi_env env, napi_callback_info info) {
  Arguments<6> args(env, info, WindowHandle::kSubject);
  const std::string name = args.name(0);
  const core::WindowTerms asked = read_founding(args, 1);
  const bool machine = args.is_machine(5);
  if (!args.ok) return nullptr;
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
  return with_founding(env, result, found);
}

}  // namespace

bool register_window(napi_env env, napi_value exports) {
  constexpr NamedFunction kFunctions[] = {
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
      {"windowLetGo", let_go<WindowHandle>},
  };
  return add_functions(env, exports, kFunctions);
}

}  // namespace amorsize::binding
