//===- Emit.cpp - from the llvm dialect to object code
//--------------------------===//
#include "lib/Target/Emit.h"

#include "lib/Lowering/ExecToLLVM/Passes.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "runtime/ModuleAbi.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/Endian.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace cinch;
using llvm::Constant;
using llvm::ConstantDataArray;
using llvm::ConstantInt;
using llvm::ConstantStruct;
using llvm::GlobalVariable;

/// A private constant that holds `bytes`.
static GlobalVariable *addBytes(llvm::Module &module, llvm::StringRef name,
                                llvm::StringRef bytes) {
  Constant *data = ConstantDataArray::getString(module.getContext(), bytes,
                                                /*AddNull=*/false);
  return new GlobalVariable(module, data->getType(), /*isConstant=*/true,
                            llvm::GlobalValue::PrivateLinkage, data, name);
}

/// The table of microkernels to make at load: 8 words of 32 bits each.
static Constant *addMicrokernels(llvm::Module &module, mlir::ModuleOp source,
                                 int64_t &count) {
  std::vector<uint32_t> words;
  count = 0;
  if (auto list = source->getAttrOfType<mlir::ArrayAttr>("exec.microkernels"))
    for (auto entry : list.getAsRange<mlir::DenseI32ArrayAttr>()) {
      for (int32_t word : entry.asArrayRef())
        words.push_back(static_cast<uint32_t>(word));
      words.push_back(0); // reserved
      ++count;
    }
  if (!count)
    return llvm::ConstantPointerNull::get(
        llvm::PointerType::getUnqual(module.getContext()));
  Constant *data = ConstantDataArray::get(module.getContext(), words);
  return new GlobalVariable(module, data->getType(), /*isConstant=*/true,
                            llvm::GlobalValue::PrivateLinkage, data,
                            "cinch_microkernels");
}

/// Adds the cinch_module_v1 object, field by field as in runtime/ModuleAbi.h.
static llvm::Error addModuleObject(llvm::Module &module, mlir::ModuleOp source,
                                   llvm::StringRef manifest,
                                   llvm::StringRef symbol) {
  llvm::LLVMContext &context = module.getContext();
  llvm::Function *entry = module.getFunction(entryName);
  if (!entry)
    return llvm::createStringError("the program has no entry function");
  auto number = [&](int64_t value) {
    return ConstantInt::get(llvm::Type::getInt64Ty(context), value);
  };
  int64_t numMicrokernels = 0;
  Constant *microkernels = addMicrokernels(module, source, numMicrokernels);
  Constant *object = ConstantStruct::getAnon(
      {number(CINCH_MODULE_ABI_VERSION), entry,
       addBytes(module, "cinch_manifest", manifest), number(manifest.size()),
       microkernels, number(numMicrokernels)});
  new GlobalVariable(module, object->getType(), /*isConstant=*/true,
                     llvm::GlobalValue::ExternalLinkage, object, symbol);
  return llvm::Error::success();
}

/// Adds the ELF note: sizes and type, then owner and descriptor, each padded
/// to 4.
static void addNote(llvm::Module &module, llvm::StringRef descriptor) {
  std::string bytes;
  auto word = [&](uint32_t value) {
    char raw[4];
    llvm::support::endian::write32le(raw, value);
    bytes.append(raw, 4);
  };
  auto padded = [&](llvm::StringRef text) {
    bytes.append(text.begin(), text.end());
    bytes.resize(llvm::alignTo(bytes.size(), 4));
  };
  llvm::StringRef owner(CINCH_NOTE_OWNER, sizeof(CINCH_NOTE_OWNER));
  word(owner.size());
  word(descriptor.size());
  word(CINCH_NOTE_TYPE);
  padded(owner);
  padded(descriptor);
  GlobalVariable *note = addBytes(module, "cinch_note", bytes);
  note->setSection(CINCH_NOTE_SECTION);
  note->setAlignment(llvm::Align(4));
  llvm::appendToUsed(module, {note});
}

/// The O3 pipeline with the target's costs.
static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = true;
  tuning.LoopInterleaving = true;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

llvm::Expected<std::unique_ptr<llvm::Module>>
cinch::emitLLVM(mlir::ModuleOp source, llvm::LLVMContext &context,
                const Cpu &cpu, const BinaryInfo &info,
                llvm::TargetMachine &machine, llvm::StringRef moduleSymbol) {
  std::unique_ptr<llvm::Module> module =
      mlir::translateModuleToLLVMIR(source, context, info.modelName);
  if (!module)
    return llvm::createStringError("the program cannot become LLVM IR");
  module->setTargetTriple(machine.getTargetTriple());
  module->setDataLayout(machine.createDataLayout());
  module->setPICLevel(llvm::PICLevel::SmallPIC);
  std::string text;
  for (const std::string &feature : cpu.features)
    text += (text.empty() ? "+" : ",+") + feature;
  for (llvm::Function &function : *module)
    if (!function.isDeclaration()) {
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
      function.addFnAttr("target-cpu", cpu.name);
      function.addFnAttr("target-features", text);
    }
  for (GlobalVariable &global : module->globals())
    if (global.hasInitializer())
      global.setLinkage(llvm::GlobalValue::InternalLinkage);
  if (llvm::Error error = addModuleObject(
          *module, source, makeManifest(source, cpu, info), moduleSymbol))
    return error;
  addNote(*module, makeNote(cpu, info));
  std::string message;
  llvm::raw_string_ostream os(message);
  if (llvm::verifyModule(*module, &os))
    return llvm::createStringError("invalid LLVM IR: " + message);
  optimize(*module, machine);
  return module;
}

llvm::Error cinch::emitObject(llvm::Module &module,
                              llvm::TargetMachine &machine,
                              llvm::raw_pwrite_stream &output) {
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, output, nullptr,
                                  llvm::CodeGenFileType::ObjectFile))
    return llvm::createStringError("this target cannot write objects");
  passes.run(module);
  return llvm::Error::success();
}
