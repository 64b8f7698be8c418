// The addon is compiled for size; what every decision goes through, for speed.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#endif

#include "binding/keyed_handle.h"

#include <optional>

#include "binding/keys.h"

namespace amorsize::binding {
namespace {

// tryAcquire(key): undefined for "taken", false for "denied", null when the key is none
napi_value bound_call(napi_env env, napi_callback_info info) {
  napi_value key = nullptr;
  size_t count = 1;
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count, &key, nullptr, &data) != napi_ok) return nullptr;
  auto* handle = static_cast<KeyedHandle*>(data);
  const std::optional<uint64_t> hash = hash_of_key(env, key, handle->table.terms().seed);
  napi_value result = nullptr;
  if (!hash) {
    napi_get_null(env, &result);
  } else if (!handle->table.try_acquire_one(handle->clock.now_ns(), *hash)) {
    napi_get_boolean(env, false, &result);
  }
  return result;
}

}  // namespace

void KeyedHandle::close_named(napi_env env) {
  alignas(core::kCellBytes) static core::Word
      words[(core::keyed::kHeaderCells + core::keyed::kGroupCells) * core::kWordsPerCell];
  static const core::KeyedTerms terms = core::KeyedTerms::make(0, {1e-9, 1, 1, false}, {0, 0});
  table = core::KeyedTable<>(words, terms);
  named.release(env);
}

napi_value open_keyed(napi_env env, core::Word* words, size_t cells, napi_value view, NamedCells named) {
  if (!core::is_of_kind(words, KeyedHandle::kKind) || !core::KeyedTerms::read(words).fits(cells)) {
    named.release(env);
    return throw_type(env, "keyed: these cells hold no keyed table of this layout version");
  }
  Opening<KeyedHandle> opening(env, view, named, core::KeyedTable<>(words));
  opening.add_bound("tryAcquire", bound_call);
  opening.add_number();
  return opening.result();
}

}  // namespace amorsize::binding
