//===- Module.cpp - PTX that was loaded -----------------------------------===//
#include "runtime/Emulator/Module.h"
#include "runtime/Emulator/Decoder.h"
#include "runtime/Emulator/Memory.h"
#include "runtime/Emulator/Ptx.h"

using namespace cinch::emulator;

Kernel::Kernel() = default;
Kernel::~Kernel() = default;

/// Whether code for the module's target runs on `architecture`.
static Error checkTarget(const ptx::Module &module,
                         const Architecture &architecture) {
  bool fits = module.isExact ? module.target == architecture.sm
                             : module.target <= architecture.sm;
  if (fits)
    return {};
  return {Code::InvalidPtx,
          "the PTX is for sm_" + std::to_string(module.target) +
              (module.isExact ? "a alone" : " and above") +
              ", but the device is sm_" + std::to_string(architecture.sm)};
}

std::unique_ptr<Module> Module::load(std::string_view text,
                                     const Architecture &architecture,
                                     Memory &memory, Error &error) {
  ptx::Module tree;
  if ((error = ptx::parse(text, tree)))
    return nullptr;
  if ((error = checkTarget(tree, architecture)))
    return nullptr;
  std::unique_ptr<Module> module(new Module(memory));
  std::map<std::string, uint64_t, std::less<>> addresses;
  for (const ptx::Variable &variable : tree.variables) {
    if (variable.space == "shared" || variable.bytes == 0)
      continue;
    GlobalVariable global = {variable.name, 0, size_t(variable.bytes)};
    if ((error = memory.allocate(global.bytes, global.address)))
      return nullptr;
    module->globals.push_back(global);
    addresses[variable.name] = global.address;
    // Zeros where there is no initial value, as the language has it.
    if ((error = memory.fill(global.address, 0, 1, global.bytes)) ||
        (error = memory.write(global.address, variable.initializer.data(),
                              variable.initializer.size())))
      return nullptr;
  }
  for (const ptx::Function &function : tree.kernels) {
    if (module->findKernel(function.name)) {
      error = {Code::InvalidPtx, "line " + std::to_string(function.line) +
                                     ": the kernel '" + function.name +
                                     "' is defined twice"};
      return nullptr;
    }
    auto kernel = std::make_unique<Kernel>();
    kernel->name = function.name;
    Decoder decoder(tree, function, architecture, addresses);
    if (!decoder.decode(*kernel)) {
      error = std::move(decoder.error);
      return nullptr;
    }
    module->kernels.push_back(std::move(kernel));
  }
  return module;
}

Module::~Module() {
  for (const GlobalVariable &global : globals)
    (void)memory.free(global.address);
}

const Kernel *Module::findKernel(std::string_view name) const {
  for (const auto &kernel : kernels)
    if (kernel->name == name)
      return kernel.get();
  return nullptr;
}

const GlobalVariable *Module::findGlobal(std::string_view name) const {
  for (const GlobalVariable &global : globals)
    if (global.name == name)
      return &global;
  return nullptr;
}
