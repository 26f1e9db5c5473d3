//===- CpuFeatures.cpp - LLVM's feature names on the running CPU ----------===//
//
// Bits as in the vendors' CPUID tables and llvm/lib/TargetParser/Host.cpp.
// A feature that widens the register file also needs the operating system to
// save it (XCR0).
//
//===----------------------------------------------------------------------===//
#include "runtime/CpuFeatures.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <cstdint>

namespace cinch::rt {

namespace {
enum Register { EAX, EBX, ECX, EDX };
enum State { None, Ymm, Zmm, Amx };
struct Feature {
  std::string_view name;
  uint32_t leaf, subleaf;
  Register reg;
  int bit;
  State state;
};
} // namespace

static constexpr uint32_t ext = 0x80000001, ext8 = 0x80000008;
static constexpr Feature features[] = {
    {"64bit", ext, 0, EDX, 29, None},
    {"adx", 7, 0, EBX, 19, None},
    {"aes", 1, 0, ECX, 25, None},
    {"amx-bf16", 7, 0, EDX, 22, Amx},
    {"amx-complex", 7, 1, EDX, 8, Amx},
    {"amx-fp16", 7, 1, EAX, 21, Amx},
    {"amx-int8", 7, 0, EDX, 25, Amx},
    {"amx-tile", 7, 0, EDX, 24, Amx},
    {"avx", 1, 0, ECX, 28, Ymm},
    {"avx2", 7, 0, EBX, 5, Ymm},
    {"avx512bf16", 7, 1, EAX, 5, Zmm},
    {"avx512bitalg", 7, 0, ECX, 12, Zmm},
    {"avx512bw", 7, 0, EBX, 30, Zmm},
    {"avx512cd", 7, 0, EBX, 28, Zmm},
    {"avx512dq", 7, 0, EBX, 17, Zmm},
    {"avx512f", 7, 0, EBX, 16, Zmm},
    {"avx512fp16", 7, 0, EDX, 23, Zmm},
    {"avx512ifma", 7, 0, EBX, 21, Zmm},
    {"avx512vbmi", 7, 0, ECX, 1, Zmm},
    {"avx512vbmi2", 7, 0, ECX, 6, Zmm},
    {"avx512vl", 7, 0, EBX, 31, Zmm},
    {"avx512vnni", 7, 0, ECX, 11, Zmm},
    {"avx512vp2intersect", 7, 0, EDX, 8, Zmm},
    {"avx512vpopcntdq", 7, 0, ECX, 14, Zmm},
    {"avxifma", 7, 1, EAX, 23, Ymm},
    {"avxneconvert", 7, 1, EDX, 5, Ymm},
    {"avxvnni", 7, 1, EAX, 4, Ymm},
    {"avxvnniint16", 7, 1, EDX, 10, Ymm},
    {"avxvnniint8", 7, 1, EDX, 4, Ymm},
    {"bmi", 7, 0, EBX, 3, None},
    {"bmi2", 7, 0, EBX, 8, None},
    {"cldemote", 7, 0, ECX, 25, None},
    {"clflushopt", 7, 0, EBX, 23, None},
    {"clwb", 7, 0, EBX, 24, None},
    {"clzero", ext8, 0, EBX, 0, None},
    {"cmov", 1, 0, EDX, 15, None},
    {"cmpccxadd", 7, 1, EAX, 7, None},
    {"crc32", 1, 0, ECX, 20, None},
    {"cx16", 1, 0, ECX, 13, None},
    {"cx8", 1, 0, EDX, 8, None},
    {"enqcmd", 7, 0, ECX, 29, None},
    {"f16c", 1, 0, ECX, 29, Ymm},
    {"fma", 1, 0, ECX, 12, Ymm},
    {"fma4", ext, 0, ECX, 16, Ymm},
    {"fsgsbase", 7, 0, EBX, 0, None},
    {"fxsr", 1, 0, EDX, 24, None},
    {"gfni", 7, 0, ECX, 8, None},
    {"hreset", 7, 1, EAX, 22, None},
    {"invpcid", 7, 0, EBX, 10, None},
    {"lwp", ext, 0, ECX, 15, None},
    {"lzcnt", ext, 0, ECX, 5, None},
    {"mmx", 1, 0, EDX, 23, None},
    {"movbe", 1, 0, ECX, 22, None},
    {"movdir64b", 7, 0, ECX, 28, None},
    {"movdiri", 7, 0, ECX, 27, None},
    {"mwaitx", ext, 0, ECX, 29, None},
    {"pclmul", 1, 0, ECX, 1, None},
    {"pconfig", 7, 0, EDX, 18, None},
    {"pku", 7, 0, ECX, 4, None},
    {"popcnt", 1, 0, ECX, 23, None},
    {"prefetchi", 7, 1, EDX, 14, None},
    {"prfchw", ext, 0, ECX, 8, None},
    {"ptwrite", 0x14, 0, EBX, 4, None},
    {"raoint", 7, 1, EAX, 3, None},
    {"rdpid", 7, 0, ECX, 22, None},
    {"rdpru", ext8, 0, EBX, 4, None},
    {"rdrnd", 1, 0, ECX, 30, None},
    {"rdseed", 7, 0, EBX, 18, None},
    {"rtm", 7, 0, EBX, 11, None},
    {"sahf", ext, 0, ECX, 0, None},
    {"serialize", 7, 0, EDX, 14, None},
    {"sgx", 7, 0, EBX, 2, None},
    {"sha", 7, 0, EBX, 29, None},
    {"sha512", 7, 1, EAX, 0, Ymm},
    {"shstk", 7, 0, ECX, 7, None},
    {"sm3", 7, 1, EAX, 1, Ymm},
    {"sm4", 7, 1, EAX, 2, Ymm},
    {"sse", 1, 0, EDX, 25, None},
    {"sse2", 1, 0, EDX, 26, None},
    {"sse3", 1, 0, ECX, 0, None},
    {"sse4.1", 1, 0, ECX, 19, None},
    {"sse4.2", 1, 0, ECX, 20, None},
    {"sse4a", ext, 0, ECX, 6, None},
    {"ssse3", 1, 0, ECX, 9, None},
    {"tbm", ext, 0, ECX, 21, None},
    {"tsxldtrk", 7, 0, EDX, 16, None},
    {"uintr", 7, 0, EDX, 5, None},
    {"usermsr", 7, 1, EDX, 15, None},
    {"vaes", 7, 0, ECX, 9, Ymm},
    {"vpclmulqdq", 7, 0, ECX, 10, Ymm},
    {"waitpkg", 7, 0, ECX, 5, None},
    {"wbnoinvd", ext8, 0, EBX, 9, None},
    {"x87", 1, 0, EDX, 0, None},
    {"xop", ext, 0, ECX, 11, Ymm},
    {"xsave", 1, 0, ECX, 26, None},
    {"xsavec", 0xd, 1, EAX, 1, None},
    {"xsaveopt", 0xd, 1, EAX, 0, None},
    {"xsaves", 0xd, 1, EAX, 3, None},
};

/// Returns whether the operating system saves the registers of `state`.
static bool systemSaves(State state) {
  if (state == None)
    return true;
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & (1u << 27)))
    return false; // no OSXSAVE: xgetbv would fault
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  uint32_t needed = state == Ymm ? 0x6u : state == Zmm ? 0xe6u : 0x60000u;
  return (low & needed) == needed;
}

bool hostHasFeature(std::string_view name) {
  for (const Feature &feature : features) {
    if (feature.name != name)
      continue;
    uint32_t registers[4];
    if (!__get_cpuid_count(feature.leaf, feature.subleaf, &registers[EAX],
                           &registers[EBX], &registers[ECX], &registers[EDX]))
      return false;
    return ((registers[feature.reg] >> feature.bit) & 1) &&
           systemSaves(feature.state);
  }
  return false;
}

} // namespace cinch::rt

#else

namespace cinch::rt {
bool hostHasFeature(std::string_view name) { return false; }
} // namespace cinch::rt

#endif
