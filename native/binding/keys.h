// Keys as JavaScript gives them.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/siphash.h"

namespace amorsize::binding {

// Longer keys are refused: src/memory/keyed/hash.ts has the same limits.
inline constexpr size_t kMaxKeyUnits = 65'536;  // UTF-16 code units of a string
inline constexpr size_t kMaxKeyWords = 128;     // 64-bit words of a bigint

// The hash of a string, number or bigint; nothing when `key` is none, is NaN or too long. No exception is left pending.
// Cost: one crossing for a string of up to 255 code units, which is copied to the stack.
std::optional<uint64_t> hash_of_key(napi_env env, napi_value key, const core::HashSeed& seed);

}  // namespace amorsize::binding
