// What the addon needs of the library of C++, for a program without exceptions. Zig's own copy can throw, so whatever
// is taken of it brings the unwinder and the texts of all errors along: 90 KB of each addon. Where that would throw,
// this ends the process, as an exception that nobody catches does. A function that is missing here comes from Zig's
// copy and then meets its double there: the linker names both.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#ifdef _WIN32
#include <malloc.h>
#include <windows.h>
#endif

// Each function in a section of its own, of which the linker keeps those in use.
template class std::basic_string<char>;

namespace {

void* need(void* memory) {
  if (memory == nullptr) std::abort();
  return memory;
}

void* aligned(size_t size, std::align_val_t alignment) {
  const size_t unit = static_cast<size_t>(alignment);
#ifdef _WIN32
  return _aligned_malloc(size, unit);
#else
  return std::aligned_alloc(unit, (size + unit - 1) / unit * unit);
#endif
}

void free_aligned(void* memory) {
#ifdef _WIN32
  _aligned_free(memory);
#else
  std::free(memory);
#endif
}

std::string digits(unsigned long long magnitude, bool is_negative) {
  char text[24];
  char* const end = text + sizeof text;
  char* at = end;
  do {
    *--at = static_cast<char>('0' + magnitude % 10);
  } while ((magnitude /= 10) != 0);
  if (is_negative) *--at = '-';
  return std::string(at, end);
}

std::string digits(long long value) {
  return digits(value < 0 ? 0ULL - static_cast<unsigned long long>(value) : static_cast<unsigned long long>(value),
                value < 0);
}

}  // namespace

const std::nothrow_t std::nothrow{};

// std::malloc(0) may be null, which is no failure.
void* operator new(size_t size) { return need(std::malloc(size == 0 ? 1 : size)); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return std::malloc(size == 0 ? 1 : size); }
void* operator new(size_t size, std::align_val_t unit) { return need(aligned(size == 0 ? 1 : size, unit)); }
void* operator new(size_t size, std::align_val_t unit, const std::nothrow_t&) noexcept {
  return aligned(size == 0 ? 1 : size, unit);
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new[](size_t size, const std::nothrow_t& tag) noexcept { return operator new(size, tag); }
void* operator new[](size_t size, std::align_val_t unit) { return operator new(size, unit); }
void* operator new[](size_t size, std::align_val_t unit, const std::nothrow_t& tag) noexcept {
  return operator new(size, unit, tag);
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { free_aligned(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { free_aligned(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { free_aligned(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { free_aligned(memory); }

// A static of a function: the first byte says that it is made, the second that a thread makes it.
extern "C" int __cxa_guard_acquire(std::atomic<unsigned char>* guard) {
  for (;;) {
    if (guard[0].load(std::memory_order_acquire) != 0) return 0;
    unsigned char nobody = 0;
    if (guard[1].compare_exchange_strong(nobody, 1, std::memory_order_acquire)) return 1;
    std::this_thread::yield();
  }
}
extern "C" void __cxa_guard_release(std::atomic<unsigned char>* guard) { guard[0].store(1, std::memory_order_release); }

#ifdef _WIN32
static_assert(sizeof(std::mutex) == sizeof(SRWLOCK));
void std::mutex::lock() { AcquireSRWLockExclusive(reinterpret_cast<SRWLOCK*>(&__m_)); }
void std::mutex::unlock() noexcept { ReleaseSRWLockExclusive(reinterpret_cast<SRWLOCK*>(&__m_)); }
void std::__libcpp_thread_yield() { SwitchToThread(); }
#else
void std::mutex::lock() {
  if (pthread_mutex_lock(&__m_) != 0) std::abort();
}
void std::mutex::unlock() noexcept {
  if (pthread_mutex_unlock(&__m_) != 0) std::abort();
}
void std::this_thread::sleep_for(const chrono::nanoseconds& duration) {
  if (duration > chrono::nanoseconds::zero()) std::__libcpp_thread_sleep_for(duration);
}
#endif
#ifndef _LIBCPP_HAS_TRIVIAL_MUTEX_DESTRUCTION
std::mutex::~mutex() noexcept { pthread_mutex_destroy(&__m_); }
#endif

std::string std::to_string(int value) { return digits(static_cast<long long>(value)); }
std::string std::to_string(long value) { return digits(static_cast<long long>(value)); }
std::string std::to_string(long long value) { return digits(value); }
std::string std::to_string(unsigned value) { return digits(value, false); }
std::string std::to_string(unsigned long value) { return digits(value, false); }
std::string std::to_string(unsigned long long value) { return digits(value, false); }
