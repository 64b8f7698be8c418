// The addon is compiled for size; what every decision goes through, for speed.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#endif

#include "binding/keyed_handle.h"

#include <cmath>
#include <memory>
#include <new>

#include "binding/napi_args.h"

namespace amorsize::binding {
namespace {

std::optional<uint64_t> hash_of_long_string(napi_env env, napi_value key, const core::HashSeed& seed) {
  size_t length = 0;
  if (napi_get_value_string_utf16(env, key, nullptr, 0, &length) != napi_ok || length > kMaxKeyUnits)
    return std::nullopt;
  const std::unique_ptr<char16_t[]> units(new (std::nothrow) char16_t[length + 1]);
  if (units == nullptr || napi_get_value_string_utf16(env, key, units.get(), length + 1, &length) != napi_ok)
    return std::nullopt;
  return core::hash_string(seed, units.get(), length);
}

std::optional<uint64_t> hash_of_bigint(napi_env env, napi_value key, const core::HashSeed& seed) {
  uint64_t words[kMaxKeyWords];
  size_t count = kMaxKeyWords;
  int sign = 0;
  if (napi_get_value_bigint_words(env, key, &sign, &count, words) != napi_ok || count > kMaxKeyWords)
    return std::nullopt;
  return core::hash_bigint(seed, sign != 0, words, count);
}

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

void close_keyed(napi_env env, void* data, void*) {
  const std::unique_ptr<KeyedHandle> handle(static_cast<KeyedHandle*>(data));
  if (handle->view != nullptr) napi_delete_reference(env, handle->view);
  handle->named.release(env);
  handle->environment->keyed.remove(handle->number);
  handle->environment->release();
}

}  // namespace

std::optional<uint64_t> hash_of_key(napi_env env, napi_value key, const core::HashSeed& seed) {
  char16_t units[256];
  size_t length = 0;
  if (napi_get_value_string_utf16(env, key, units, std::size(units), &length) == napi_ok) [[likely]] {
    // A full buffer may hold only the beginning.
    return length < std::size(units) - 1 ? core::hash_string(seed, units, length) : hash_of_long_string(env, key, seed);
  }
  double number = 0;
  if (napi_get_value_double(env, key, &number) == napi_ok) {
    return std::isnan(number) ? std::nullopt : std::optional(core::hash_number(seed, number));
  }
  return hash_of_bigint(env, key, seed);
}

void leave_named_table(napi_env env, KeyedHandle* handle) {
  alignas(core::kCellBytes) static core::Word
      words[(core::keyed::kHeaderCells + core::keyed::kGroupCells) * core::kWordsPerCell];
  static const core::KeyedTerms terms = core::KeyedTerms::make(0, {1e-9, 1, 1, false}, {0, 0});
  handle->table = core::KeyedTable<>(words, terms);
  handle->named.release(env);
}

napi_value open_keyed(napi_env env, core::Word* words, size_t cells, napi_value view, NamedCells named) {
  // order: acquire. Pairs with KeyedTable::initialize: the terms of the table it announces are visible.
  const bool is_table =
      words[core::keyed::kKind].load(std::memory_order_acquire) == core::kind_word(core::Kind::kKeyedTable);
  Environment* environment = Environment::of(env);
  if (!is_table || !core::KeyedTerms::read(words).fits(cells) || environment == nullptr) {
    named.release(env);
    return throw_type(env, "keyed: these cells hold no keyed table of this layout version");
  }
  napi_ref reference = nullptr;
  if (view != nullptr) AMORSIZE_NAPI_OR_RETURN(env, napi_create_reference(env, view, 1, &reference));
  auto* const opened = new KeyedHandle{core::KeyedTable<>(words), {}, environment, 0, reference, named};
  opened->number = environment->keyed.add(opened);
  environment->retain();

  napi_value function = nullptr;
  const bool made =
      napi_create_function(env, "tryAcquire", NAPI_AUTO_LENGTH, bound_call, opened, &function) == napi_ok &&
      napi_add_finalizer(env, function, opened, close_keyed, nullptr, nullptr) == napi_ok;
  if (!made) {
    close_keyed(env, opened, nullptr);
    return throw_last(env, "the table's function");
  }
  napi_value result = nullptr;
  AMORSIZE_NAPI_OR_RETURN(env, napi_create_array_with_length(env, 2, &result));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 0, function));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 1, make_double(env, opened->number)));
  return result;
}

}  // namespace amorsize::binding
