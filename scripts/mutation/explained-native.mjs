// Those of native/core, as explained.mjs has them.

/** @type {readonly { file?: RegExp, mutant: RegExp, why: string }[]} */
export const OF_NATIVE = [
  {
    file: /core\/circuit_breaker/,
    mutant: /`<=` in `for \(size_t i = 0; i < breaker_parameter::kCount/,
    why: 'the word behind the parameters is written next',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /in `if \(until < 0\) return -1/,
    why: 'no time is 0: an open breaker is open for a microsecond at least',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /`<=` in `for \(int64_t place = 0; place < probes/,
    why: 'what stands behind the places bears no tag of this generation',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /in `if \(control\(\) != seen\) return \{false/,
    why: 'an admission of a state that is over is thrown away',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /`1` in `const bool in_use = .* && found != 0/,
    why: 'a lease that ends at 0 is over, as is none',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /`-` in `tag \| std::min\(in_use/,
    why: 'a lease that is over ends before the one that is wanted, by at least as much',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /`1` in `return then != 0 &&/,
    why: 'where nothing was told there is nothing new to judge',
  },
  { file: /core\/waiters/, mutant: /in `int64_t generation = 0/, why: 'a row that holds nothing tells no generation' },
  { file: /core\/waiters/, mutant: /`<=` in `while \(seen < used/, why: 'swaps a word for the same' },
  { file: /core\/waiters/, mutant: /`1` in `if \(held != 0 &&/, why: 'of nothing that is held nothing is given back' },
]
