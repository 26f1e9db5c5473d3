//===- Machine.cpp - the CPU that code is made for
//-----------------------------===//
#include "lib/Target/Machine.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"
#include <algorithm>

using namespace cinch;

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Expected<Machine> cinch::createMachine(llvm::StringRef cpu) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return makeError("no code generator for " + triple.str() + ": " + error);

  Machine machine;
  llvm::SubtargetFeatures features;
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  machine.cpu = cpu.str();
  if (cpu == "native") {
    machine.cpu = llvm::sys::getHostCPUName().str();
    for (const auto &feature : host)
      features.AddFeature(feature.getKey(), feature.getValue());
  }
  std::unique_ptr<llvm::MCSubtargetInfo> names(
      target->createMCSubtargetInfo(triple, "", ""));
  if (!names->isCPUStringValid(machine.cpu))
    return makeError("unknown CPU '" + cpu +
                     "'; use native, or a name such as x86-64-v3 "
                     "(llc -mcpu=help lists them)");
  machine.target.reset(target->createTargetMachine(
      triple, machine.cpu, features.getString(), llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  // Only names that a running CPU can be asked about; the rest is tuning.
  // AVX10.1 names a set of AVX-512 features, which are listed themselves.
  for (const auto &feature :
       machine.target->getMCSubtargetInfo()->getEnabledProcessorFeatures())
    if (host.count(feature.Key) &&
        !llvm::StringRef(feature.Key).starts_with("avx10") &&
        (cpu != "native" || host[feature.Key]))
      machine.features.push_back(feature.Key);
  std::sort(machine.features.begin(), machine.features.end());
  return machine;
}
