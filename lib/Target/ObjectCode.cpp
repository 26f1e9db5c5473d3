//===- ObjectCode.cpp - from the llvm dialect to machine code -------------===//
#include "lib/Target/ObjectCode.h"
#include "lib/Target/DeviceCode.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "runtime/ModuleAbi.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/Endian.h"
#include "llvm/Transforms/Scalar/LoopIdiomRecognize.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace cinch;

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// The table of `exec.microkernels`; null if it is empty.
static llvm::Constant *addMicrokernels(llvm::Module &module,
                                       mlir::ArrayAttr list) {
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::get(context, 0);
  if (!list || list.empty())
    return llvm::ConstantPointerNull::get(pointer);
  llvm::SmallVector<uint32_t> words;
  for (auto shape : list.getAsRange<mlir::DenseI32ArrayAttr>())
    llvm::append_range(words, shape.asArrayRef());
  static_assert(sizeof(cinch_microkernel_v1) == 9 * sizeof(uint32_t));
  return addConstant(module, llvm::ConstantDataArray::get(context, words),
                     "cinch_microkernels");
}

/// The weights, which another object file defines; null if not embedded.
static llvm::Constant *addWeights(llvm::Module &module,
                                  llvm::StringRef symbol) {
  llvm::LLVMContext &context = module.getContext();
  if (symbol.empty())
    return llvm::ConstantPointerNull::get(llvm::PointerType::get(context, 0));
  auto *weights = new llvm::GlobalVariable(
      module, llvm::Type::getInt8Ty(context), /*isConstant=*/true,
      llvm::GlobalValue::ExternalLinkage, /*Initializer=*/nullptr, symbol);
  weights->setVisibility(llvm::GlobalValue::HiddenVisibility);
  return weights;
}

/// Defines the model's object, of type cinch_module_t. `note` points to the
/// descriptor of the note; `device` are the fields of addDeviceCode.
static void addModuleObject(llvm::Module &module, llvm::Function *entry,
                            const ModuleContents &contents,
                            llvm::Constant *note, mlir::ArrayAttr microkernels,
                            llvm::ArrayRef<llvm::Constant *> device) {
  llvm::LLVMContext &context = module.getContext();
  auto *i64 = llvm::Type::getInt64Ty(context);
  auto number = [&](int64_t value) {
    return llvm::ConstantInt::get(i64, value);
  };
  llvm::Constant *text =
      addConstant(module,
                  llvm::ConstantDataArray::getString(context, contents.manifest,
                                                     /*AddNull=*/false),
                  "cinch_manifest");
  int64_t count = microkernels ? microkernels.size() : 0;
  llvm::Constant *value = llvm::ConstantStruct::getAnon(
      {number(CINCH_MODULE_ABI_VERSION), entry, text,
       number(contents.manifest.size()), addMicrokernels(module, microkernels),
       number(count), note, number(contents.note.size()),
       addWeights(module, contents.weightsSymbol),
       number(contents.weightsBytes), device[0], device[1], device[2],
       device[3]});
  llvm::GlobalVariable *object = addConstant(module, value, contents.symbol);
  object->setLinkage(llvm::GlobalValue::ExternalLinkage);
  object->setAlignment(llvm::Align(8));
}

/// Adds the ELF note (the section's name makes it one); returns the address of
/// its descriptor.
static llvm::Constant *addNote(llvm::Module &module,
                               llvm::StringRef descriptor) {
  std::string bytes;
  auto addWord = [&](uint32_t word) {
    char text[4];
    llvm::support::endian::write32le(text, word);
    bytes.append(text, sizeof(text));
  };
  auto pad = [&] { bytes.resize(llvm::alignTo(bytes.size(), 4)); };
  llvm::StringRef owner(CINCH_NOTE_OWNER, sizeof(CINCH_NOTE_OWNER));
  addWord(owner.size());
  addWord(descriptor.size());
  addWord(CINCH_NOTE_TYPE);
  bytes += owner;
  pad();
  int64_t offset = bytes.size();
  bytes += descriptor;
  pad();
  llvm::GlobalVariable *note =
      addConstant(module,
                  llvm::ConstantDataArray::getString(module.getContext(), bytes,
                                                     /*AddNull=*/false),
                  "cinch_note");
  note->setSection(CINCH_NOTE_SECTION);
  note->setAlignment(llvm::Align(4));
  llvm::appendToUsed(module, {note});
  llvm::LLVMContext &context = module.getContext();
  return llvm::ConstantExpr::getGetElementPtr(
      llvm::Type::getInt8Ty(context), note,
      llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), offset));
}

/// Nothing here computes checksums, and the search for them does not end in
/// LLVM 22 where one recurrence of a loop follows from another.
static void skipChecksumSearch() {
  static const bool isSkipped = llvm::DisableLIRP::HashRecognize = true;
  (void)isSkipped;
}

void cinch::optimize(llvm::Module &module, const Machine &machine) {
  skipChecksumSearch();
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = true;
  tuning.LoopInterleaving = true;
  tuning.LoopUnrolling = true;
  llvm::PassBuilder builder(machine.target.get(), tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

llvm::Expected<std::unique_ptr<llvm::Module>>
cinch::makeLLVMModule(mlir::ModuleOp source, llvm::LLVMContext &context,
                      const Machine &machine, const ModuleContents &contents) {
  // Device code becomes a constant below; no loader of upstream's is wanted.
  auto binaries = llvm::to_vector(source.getOps<mlir::gpu::BinaryOp>());
  for (mlir::gpu::BinaryOp binary : binaries)
    binary->remove();
  std::unique_ptr<llvm::Module> module =
      mlir::translateModuleToLLVMIR(source, context, "cinch");
  for (mlir::gpu::BinaryOp binary : binaries)
    source.push_back(binary);
  if (!module)
    return makeError("the lowered program does not translate to LLVM IR");
  module->setTargetTriple(machine.target->getTargetTriple());
  module->setDataLayout(machine.target->createDataLayout());
  module->setSourceFileName("cinch");
  llvm::Function *entry = module->getFunction("cinch_entry");
  if (!entry)
    return makeError(
        "expected the function cinch_entry, which lower-exec makes");
  for (llvm::Function &function : *module) {
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (!function.isDeclaration())
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
  }
  llvm::Constant *note = addNote(*module, contents.note);
  // It computes no floats, and the search for vectors among its many stores
  // grows with the square of their number.
  entry->addFnAttr(llvm::Attribute::NoImplicitFloat);
  addModuleObject(
      *module, entry, contents, note,
      source->getAttrOfType<mlir::ArrayAttr>("exec.microkernels"),
      addDeviceCode(*module, source, contents.target, contents.cubin));
  return module;
}

llvm::Error cinch::writeObject(llvm::Module &module, const Machine &machine,
                               llvm::raw_pwrite_stream &os) {
  llvm::legacy::PassManager passes;
  if (machine.target->addPassesToEmitFile(passes, os, nullptr,
                                          llvm::CodeGenFileType::ObjectFile))
    return makeError("no object files for this target");
  passes.run(module);
  return llvm::Error::success();
}
