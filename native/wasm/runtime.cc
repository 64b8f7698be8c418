// The few functions of the libraries of C and C++ that the binding and the core need. Zig's own are compiled without
// atomics, so they cannot be linked into a module whose memory threads share. Nothing here keeps state: instances in
// several threads share the module's variables.
#include <bit>
#include <cmath>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <string>

template class std::basic_string<char>;
const std::nothrow_t std::nothrow{};

extern "C" {

__attribute__((import_module("host"), import_name("allocate"))) void* amorsize_allocate(size_t bytes);
__attribute__((import_module("host"), import_name("free"))) void amorsize_free(void* memory);

void abort() { __builtin_trap(); }
void* malloc(size_t bytes) { return amorsize_allocate(bytes); }
void free(void* memory) { amorsize_free(memory); }

// Each is one instruction of WebAssembly.
void* memcpy(void* to, const void* from, size_t bytes) { return __builtin_memcpy(to, from, bytes); }
void* memmove(void* to, const void* from, size_t bytes) { return __builtin_memmove(to, from, bytes); }
void* memset(void* to, int value, size_t bytes) { return __builtin_memset(to, value, bytes); }

size_t strlen(const char* text) {
  size_t length = 0;
  while (text[length] != 0) ++length;
  return length;
}

// Only messages are written by it: `%s` and `%.16g`.
__attribute__((import_module("host"), import_name("format"))) int amorsize_format(char* text, size_t size,
                                                                                  const char* format,
                                                                                  const void* values);
int snprintf(char* text, size_t size, const char* format, ...) {
  va_list values;
  va_start(values, format);
  const int length = amorsize_format(text, size, format, values);
  va_end(values);
  return length;
}

double fmin(double a, double b) { return a < b || b != b ? a : b; }
double fmax(double a, double b) { return a > b || b != b ? a : b; }
double round(double value) { return std::trunc(value + std::copysign(0.5, value)); }

// Of normal numbers above zero: rates are.
double frexp(double value, int* exponent) {
  if (value < std::numeric_limits<double>::min()) {
    const double scaled = frexp(value * 0x1p64, exponent);
    *exponent -= 64;
    return scaled;
  }
  const auto bits = std::bit_cast<uint64_t>(value);
  *exponent = static_cast<int>(bits >> 52) - 1022;
  return std::bit_cast<double>((bits & 0x000F'FFFF'FFFF'FFFF) | 0x3FE0'0000'0000'0000);
}
double ldexp(double value, int exponent) {
  return value * std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52);
}

using Wide = unsigned __int128;
static uint64_t high_of(Wide value) { return static_cast<uint64_t>(value >> 64); }

Wide __ashlti3(Wide value, int shift) {
  const auto low = static_cast<uint64_t>(value);
  if (shift == 0) return value;
  if (shift >= 64) return static_cast<Wide>(low << (shift - 64)) << 64;
  return static_cast<Wide>(high_of(value) << shift | low >> (64 - shift)) << 64 | low << shift;
}
Wide __lshrti3(Wide value, int shift) {
  const uint64_t high = high_of(value);
  if (shift == 0) return value;
  if (shift >= 64) return high >> (shift - 64);
  return static_cast<Wide>(high >> shift) << 64 | (high << (64 - shift) | static_cast<uint64_t>(value) >> shift);
}
Wide __multi3(Wide a, Wide b) {
  const auto a0 = static_cast<uint32_t>(a), a1 = static_cast<uint32_t>(a >> 32);
  const auto b0 = static_cast<uint32_t>(b), b1 = static_cast<uint32_t>(b >> 32);
  const uint64_t low = uint64_t{a0} * b0;
  const uint64_t middle = uint64_t{a1} * b0 + (low >> 32);
  const uint64_t cross = uint64_t{a0} * b1 + static_cast<uint32_t>(middle);
  const uint64_t high = uint64_t{a1} * b1 + (middle >> 32) + (cross >> 32) + high_of(a) * static_cast<uint64_t>(b) +
                        static_cast<uint64_t>(a) * high_of(b);
  return static_cast<Wide>(high) << 64 | (cross << 32 | static_cast<uint32_t>(low));
}
Wide __udivti3(Wide a, Wide b) {
  Wide quotient = 0;
  Wide rest = 0;
  for (int bit = 127; bit >= 0; --bit) {
    rest = rest << 1 | (a >> bit & 1);
    if (rest < b) continue;
    rest -= b;
    quotient |= Wide{1} << bit;
  }
  return quotient;
}
Wide __umodti3(Wide a, Wide b) { return a - __udivti3(a, b) * b; }

}  // extern "C"

void* operator new(size_t bytes) { return malloc(bytes); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return malloc(bytes); }
void* operator new[](size_t bytes) { return malloc(bytes); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return malloc(bytes); }
void operator delete(void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
