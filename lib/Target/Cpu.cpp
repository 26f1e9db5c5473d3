//===- Cpu.cpp - the processor that code is generated for
//---------------------===//
#include "lib/Target/Cpu.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace cinch;

/// Features without which the microkernels do not run.
static constexpr llvm::StringLiteral requiredFeatures[] = {"avx2", "fma",
                                                           "f16c"};

llvm::Expected<Cpu> Cpu::resolve(llvm::StringRef name) {
  Cpu cpu;
  if (name == "native") {
    cpu.name = llvm::sys::getHostCPUName().str();
    for (const auto &feature : llvm::sys::getHostCPUFeatures())
      if (feature.getValue())
        cpu.features.push_back(feature.getKey().str());
  } else {
    cpu.name = name.str();
    if (llvm::X86::parseArchX86(name, /*Only64Bit=*/true) == llvm::X86::CK_None)
      return llvm::createStringError("unknown cpu '" + name +
                                     "'; expected native or a name that LLVM "
                                     "knows, such as x86-64-v3");
    llvm::SmallVector<llvm::StringRef> features;
    llvm::X86::getFeaturesForCPU(name, features);
    for (llvm::StringRef feature : features)
      cpu.features.push_back(feature.str());
  }
  llvm::sort(cpu.features);
  for (llvm::StringRef feature : requiredFeatures)
    if (!llvm::is_contained(cpu.features, feature))
      return llvm::createStringError("cpu '" + cpu.name + "' has no " +
                                     feature +
                                     "; the oldest supported is x86-64-v3");
  return cpu;
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
Cpu::createMachine() const {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("no code generator: " + error);
  std::string text;
  for (const std::string &feature : features)
    text += (text.empty() ? "+" : ",+") + feature;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, name, text, options, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}
