// SipHash-1-3 of Aumasson and Bernstein, keyed with 128 secret bits: who does not know them cannot choose keys that
// meet in one group of a table, so a flood of keys made up by an attacker spreads like one made up by chance.
// src/memory/keyed/hash.ts computes the same.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace amorsize::core {

struct HashSeed {
  uint64_t low;
  uint64_t high;
};

class SipHash13 {
 public:
  explicit SipHash13(const HashSeed& seed)
      : v0_(seed.low ^ 0x736F'6D65'7073'6575),
        v1_(seed.high ^ 0x646F'7261'6E64'6F6D),
        v2_(seed.low ^ 0x6C79'6765'6E65'7261),
        v3_(seed.high ^ 0x7465'6462'7974'6573) {}

  // Eight bytes of the message, the first one lowest.
  void add(uint64_t block) {
    v3_ ^= block;
    round();
    v0_ ^= block;
  }

  uint64_t finish() {
    v2_ ^= 0xFF;
    round();
    round();
    round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  uint64_t v0_, v1_, v2_, v3_;
};

// What a key is, so that '1', 1 and 1n are three keys. In the seventh byte of the last block, where no key has data.
enum class KeyType : uint64_t { kString = 0, kNumber = 1, kBigInt = 2, kNegativeBigInt = 3 };

// The block that ends a message: what is left of it, its type, and its length modulo 256.
inline uint64_t last_block(uint64_t rest, KeyType type, size_t bytes) {
  return rest | static_cast<uint64_t>(type) << 48 | static_cast<uint64_t>(bytes & 0xFF) << 56;
}

// A string is its UTF-16 code units: every string of JavaScript, lone surrogates included, has its own.
inline uint64_t hash_string(const HashSeed& seed, const char16_t* units, size_t count) {
  SipHash13 hash(seed);
  const auto unit = [units](size_t i) { return static_cast<uint64_t>(units[i]); };
  size_t i = 0;
  for (; i + 4 <= count; i += 4) hash.add(unit(i) | unit(i + 1) << 16 | unit(i + 2) << 32 | unit(i + 3) << 48);
  uint64_t rest = 0;
  for (size_t shift = 0; i < count; ++i, shift += 16) rest |= unit(i) << shift;
  hash.add(last_block(rest, KeyType::kString, count * 2));
  return hash.finish();
}

// `value` is not NaN; -0 is 0, as in a Map.
inline uint64_t hash_number(const HashSeed& seed, double value) {
  SipHash13 hash(seed);
  hash.add(std::bit_cast<uint64_t>(value == 0 ? 0.0 : value));
  hash.add(last_block(0, KeyType::kNumber, 8));
  return hash.finish();
}

// `words` of the absolute value, the lowest first, without leading zeros.
inline uint64_t hash_bigint(const HashSeed& seed, bool negative, const uint64_t* words, size_t count) {
  SipHash13 hash(seed);
  for (size_t i = 0; i < count; ++i) hash.add(words[i]);
  hash.add(last_block(0, negative ? KeyType::kNegativeBigInt : KeyType::kBigInt, count * 8));
  return hash.finish();
}

}  // namespace amorsize::core
