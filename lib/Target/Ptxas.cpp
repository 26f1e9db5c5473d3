//===- Ptxas.cpp - NVIDIA's assembler of PTX ------------------------------===//
#include "lib/Target/Ptxas.h"
#include "lib/Target/Process.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include <dlfcn.h>
#include <map>

using namespace cinch;
namespace path = llvm::sys::path;
namespace fs = llvm::sys::fs;

/// Longest time that the assembler may take; a few seconds are usual.
static constexpr int limitSeconds = 600;

/// The ptxas of the PyPI package in a folder of packages, the newest one; empty
/// if none is. It is in nvidia/cu13/bin, and so on; the package for CUDA 12 has
/// it in nvidia/cuda_nvcc/bin.
static std::string findInPackages(llvm::StringRef packages) {
  llvm::SmallString<128> folder(packages);
  path::append(folder, "nvidia");
  std::pair<unsigned, std::string> newest;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    llvm::SmallString<128> name(entry->path());
    llvm::StringRef release = path::filename(entry->path());
    unsigned number = 12;
    if (release != "cuda_nvcc" &&
        (!release.consume_front("cu") || release.getAsInteger(10, number)))
      continue;
    path::append(name, "bin", "ptxas");
    if (fs::can_execute(name) && number > newest.first)
      newest = {number, std::string(name)};
  }
  return newest.second;
}

/// The ptxas of a CUDA toolkit; empty if there is none.
static std::string findInToolkit(llvm::StringRef toolkit) {
  llvm::SmallString<128> name(toolkit);
  path::append(name, "bin", "ptxas");
  return !toolkit.empty() && fs::can_execute(name) ? std::string(name) : "";
}

/// The folder of Python packages that this library lies in; empty if in none.
static std::string findOwnPackages() {
  Dl_info info;
  llvm::SmallString<128> own;
  if (!dladdr(reinterpret_cast<const void *>(&findOwnPackages), &info) ||
      fs::real_path(info.dli_fname, own))
    return "";
  for (llvm::StringRef folder = path::parent_path(own); !folder.empty();
       folder = path::parent_path(folder))
    if (path::filename(folder) == "site-packages" ||
        path::filename(folder) == "dist-packages")
      return folder.str();
  return "";
}

/// The folders of Python packages of a virtual environment.
static std::vector<std::string> findPackages(llvm::StringRef environment) {
  llvm::SmallString<128> folder(environment);
  path::append(folder, "lib");
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!path::filename(entry->path()).starts_with("python"))
      continue;
    llvm::SmallString<128> packages(entry->path());
    path::append(packages, "site-packages");
    found.push_back(std::string(packages));
  }
  llvm::sort(found);
  return found;
}

std::string cinch::findPtxas() {
  using llvm::sys::Process;
  if (std::optional<std::string> path = Process::GetEnv("CINCH_PTXAS"))
    return *path;
  if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName("ptxas"))
    return *path;
  for (const char *name : {"CUDA_HOME", "CUDA_PATH"})
    if (std::optional<std::string> toolkit = Process::GetEnv(name))
      if (std::string found = findInToolkit(*toolkit); !found.empty())
        return found;
  std::vector<std::string> packages = {findOwnPackages()};
  if (std::optional<std::string> path = Process::GetEnv("VIRTUAL_ENV"))
    llvm::append_range(packages, findPackages(*path));
  for (const std::string &folder : packages)
    if (std::string found = folder.empty() ? "" : findInPackages(folder);
        !found.empty())
      return found;
  return findInToolkit("/usr/local/cuda");
}

llvm::Expected<Cubin> cinch::assemblePtx(llvm::StringRef ptxas,
                                         llvm::StringRef ptx,
                                         llvm::StringRef chip,
                                         llvm::StringRef place,
                                         OutputFiles &files) {
  if (!fs::can_execute(ptxas))
    return llvm::createStringError("'" + ptxas +
                                   "' (CINCH_PTXAS) is not a program");
  auto addFile = [&](llvm::StringRef text) {
    return files.writeTemporary(place, [&](llvm::raw_ostream &os) {
      os << text;
      return llvm::Error::success();
    });
  };
  llvm::Expected<std::string> input = addFile(ptx.rtrim('\0'));
  if (!input)
    return input.takeError();
  llvm::Expected<std::string> output = addFile("");
  if (!output)
    return output.takeError();
  // The options are written into the cubin: they are always the same.
  llvm::Expected<std::string> said = runProgram(
      {ptxas, "assembling PTX"},
      {ptxas.str(), "-v", "-arch=" + chip.str(), *input, "-o", *output},
      limitSeconds);
  if (!said)
    return said.takeError();
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> code =
      llvm::MemoryBuffer::getFile(*output, /*IsText=*/false,
                                  /*RequiresNullTerminator=*/false);
  if (!code || !(*code)->getBuffer().starts_with("\x7f"
                                                 "ELF"))
    return llvm::createStringError("assembling PTX failed: " + ptxas +
                                   " wrote no cubin");
  return Cubin{(*code)->getBuffer().str(), parseResources(*said)};
}

/// The number before `unit` in `text`; 0 if there is none.
static int64_t getAmount(llvm::StringRef text, llvm::StringRef unit) {
  size_t end = text.find(unit);
  if (end == llvm::StringRef::npos)
    return 0;
  llvm::StringRef digits = text.take_front(end).rtrim();
  digits = digits.drop_front(digits.find_last_not_of("0123456789") + 1);
  int64_t amount = 0;
  digits.getAsInteger(10, amount);
  return amount;
}

std::vector<std::pair<std::string, FunctionResources>>
cinch::parseResources(llvm::StringRef text) {
  std::vector<std::pair<std::string, FunctionResources>> result;
  llvm::SmallVector<llvm::StringRef> lines;
  text.split(lines, '\n');
  for (llvm::StringRef line : lines) {
    if (line.contains("Compiling entry function '"))
      result.push_back({line.split('\'').second.split('\'').first.str(), {}});
    if (result.empty())
      continue;
    FunctionResources &resources = result.back().second;
    if (line.contains("bytes stack frame")) {
      resources.stackBytes = getAmount(line, "bytes stack frame");
      resources.spillBytes = getAmount(line, "bytes spill stores") +
                             getAmount(line, "bytes spill loads");
    } else if (line.contains("Used ")) {
      resources.registers = getAmount(line, "registers");
      resources.sharedBytes = getAmount(line, "bytes smem");
    }
  }
  return result;
}

/// Bytes of the declaration `line`, such as `.shared .align 16 .b8 x[64];`;
/// `name` becomes that of the variable.
static int64_t getDeclaredBytes(llvm::StringRef line, llvm::StringRef &name) {
  llvm::SmallVector<llvm::StringRef> words;
  line.rtrim(";").split(words, ' ', -1, /*KeepEmpty=*/false);
  int64_t bytes = 1;
  for (llvm::StringRef word : words)
    if (word.size() > 2 && llvm::StringRef("bsuf").contains(word[1]) &&
        word.front() == '.' && llvm::isDigit(word[2]) &&
        !word.drop_front(2).getAsInteger(10, bytes))
      bytes /= 8;
  name = words.back();
  auto [variable, sizes] = name.split('[');
  name = variable;
  while (!sizes.empty()) {
    int64_t size = 0;
    sizes.split(']').first.getAsInteger(10, size);
    bytes *= size;
    sizes = sizes.split('[').second;
  }
  return bytes;
}

int64_t cinch::getStaticSharedBytes(llvm::StringRef ptx,
                                    llvm::StringRef function) {
  int64_t total = 0;
  std::map<llvm::StringRef, int64_t> shared; // of the module, not yet used
  llvm::SmallVector<llvm::StringRef> lines;
  ptx.split(lines, '\n');
  bool isInside = false;
  for (llvm::StringRef line : lines) {
    llvm::StringRef text = line.trim();
    if (line.contains(".entry ")) {
      llvm::StringRef entry = line.split(".entry ").second;
      isInside =
          entry.take_until([](char c) { return c == '('; }).trim() == function;
    } else if (line == "}") {
      isInside = false;
    } else if (text.starts_with(".shared ")) {
      llvm::StringRef name;
      int64_t bytes = getDeclaredBytes(text, name);
      if (line.front() == '.') // of the module
        shared[name] = bytes;
      else if (isInside)
        total += bytes;
    } else if (isInside) {
      for (auto variable = shared.begin(); variable != shared.end();)
        if (text.contains(variable->first)) {
          total += variable->second;
          variable = shared.erase(variable);
        } else {
          ++variable;
        }
    }
  }
  return total;
}
