//===- Options.cpp - what the address sanitizer is told at the start ------===//
//
// libMLIR and libLLVM are not instrumented, but share inline code with our
// sources: memory that one side's BumpPtrAllocator marks as poisoned, or a
// container whose unused room it annotates, the other side uses without
// clearing the mark. Both marks are ignored; heap and stack are checked.
//
//===----------------------------------------------------------------------===//
extern "C" __attribute__((visibility("default"), used)) const char *
__asan_default_options() {
  return "allow_user_poisoning=0:detect_container_overflow=0:"
         "detect_odr_violation=0:detect_leaks=1";
}
