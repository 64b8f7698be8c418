// The two 128-bit operations the core needs.
#pragma once

#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

namespace amorsize::core {

#if defined(__SIZEOF_INT128__)

__extension__ using uint128 = unsigned __int128;

// floor(a * b / 2^shift), 0 <= shift <= 127; the caller knows that the result fits.
inline uint64_t multiply_shift(uint64_t a, uint64_t b, unsigned shift) {
  return static_cast<uint64_t>((static_cast<uint128>(a) * b) >> shift);
}

// Quotient and remainder of (a * 2^shift) / divisor, 0 <= shift <= 65. False when the quotient needs more than 63 bits.
inline bool shift_divide(uint64_t a, unsigned shift, uint64_t divisor, uint64_t* quotient, uint64_t* remainder) {
  if (a != 0 && shift > 64 && (a >> (128 - shift)) != 0) return false;
  const uint128 numerator = static_cast<uint128>(a) << shift;
  if (static_cast<uint64_t>(numerator >> 63) >= divisor) return false;
  *quotient = static_cast<uint64_t>(numerator / divisor);
  *remainder = static_cast<uint64_t>(numerator % divisor);
  return true;
}

#elif defined(_MSC_VER) && defined(_M_X64)

inline uint64_t multiply_shift(uint64_t a, uint64_t b, unsigned shift) {
  uint64_t high = 0;
  const uint64_t low = _umul128(a, b, &high);
  return shift >= 64 ? high >> (shift - 64) : __shiftright128(low, high, static_cast<unsigned char>(shift));
}

inline bool shift_divide(uint64_t a, unsigned shift, uint64_t divisor, uint64_t* quotient, uint64_t* remainder) {
  if (a != 0 && shift > 64 && (a >> (128 - shift)) != 0) return false;
  const uint64_t high = shift == 0 ? 0 : shift >= 64 ? a << (shift - 64) : a >> (64 - shift);
  const uint64_t low = shift >= 64 ? 0 : a << shift;
  if (((high << 1) | (low >> 63)) >= divisor) return false;
  *quotient = _udiv128(high, low, divisor, remainder);
  return true;
}

#else
#error "amorsize needs a 64-bit target with 128-bit multiplication"
#endif

}  // namespace amorsize::core
