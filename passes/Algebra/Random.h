//===- Random.h - the same random numbers everywhere ----------------------===//
#ifndef CINCH_PASSES_ALGEBRA_RANDOM_H
#define CINCH_PASSES_ALGEBRA_RANDOM_H

#include <cstdint>

namespace cinch::algebra {

/// SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014): the same numbers of a seed on every machine.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}

  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 1 or -1.
  double nextSign() { return next() >> 63 ? -1 : 1; }

private:
  uint64_t state;
};

} // namespace cinch::algebra

#endif // CINCH_PASSES_ALGEBRA_RANDOM_H
