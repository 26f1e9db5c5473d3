//===- Model.cpp - loading a compiled model -------------------------------===//
//
// The order matters: the file is judged by its note, then opened as code, then
// its manifest is checked, then the weights, then microkernels are made.
//
//===----------------------------------------------------------------------===//
#include "runtime/Model.h"

#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <cstdlib>
#include <dlfcn.h>
#include <mutex>
#include <new>

using namespace cinch::rt;

namespace {
/// A library that is open in this process. The system's loader goes by the
/// path: it would return the old library for a file that was replaced
/// meanwhile.
struct OpenLibrary {
  std::string path;
  dev_t device;
  ino_t inode;
  struct timespec modified;
  int32_t count;
};
} // namespace

static std::mutex libraryMutex;
static std::vector<OpenLibrary> &openLibraries() {
  static auto *libraries = new std::vector<OpenLibrary>(); // never destroyed
  return *libraries;
}

static bool isSameFile(const OpenLibrary &library, const struct stat &file) {
  return library.device == file.st_dev && library.inode == file.st_ino &&
         library.modified.tv_sec == file.st_mtim.tv_sec &&
         library.modified.tv_nsec == file.st_mtim.tv_nsec;
}

cinch_status_t cinch_model_t::openLibrary(const MappedFile &file) {
  std::lock_guard<std::mutex> lock(libraryMutex);
  OpenLibrary *entry = nullptr;
  for (OpenLibrary &library : openLibraries())
    if (library.path == path)
      entry = &library;
  if (entry && !isSameFile(*entry, file.status()))
    return fail(CINCH_ERROR_BUSY,
                "%s: the file has changed, but this process still uses the "
                "model that was loaded from it: release that one first",
                path.c_str());
  library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    cinch_status_t status = fail(CINCH_ERROR_FORMAT, "%s: cannot be opened: %s",
                                 path.c_str(), dlerror());
    dlerror(); // frees the message
    return status;
  }
  if (!entry)
    openLibraries().push_back({path, file.status().st_dev, file.status().st_ino,
                               file.status().st_mtim, 0});
  (entry ? *entry : openLibraries().back()).count++;
  isRegistered = true;

  struct stat now;
  if (stat(path.c_str(), &now) || now.st_ino != file.status().st_ino ||
      now.st_dev != file.status().st_dev)
    return fail(CINCH_ERROR_BUSY, "%s: was replaced while it was being loaded",
                path.c_str());
  module =
      static_cast<const cinch_module_t *>(dlsym(library, CINCH_MODULE_SYMBOL));
  if (!module)
    return fail(CINCH_ERROR_FORMAT, "%s: has no symbol '%s'", path.c_str(),
                CINCH_MODULE_SYMBOL);
  if (module->abi_version != CINCH_MODULE_ABI_VERSION)
    return fail(CINCH_ERROR_VERSION,
                "%s: its note and its code disagree on "
                "the module ABI",
                path.c_str());
  return checkModule();
}

/// Checks that a module of this version has all that it refers to.
cinch_status_t cinch_model_t::checkModule() const {
  if (!module->entry || !module->manifest || module->manifest_bytes < 0 ||
      !module->note || module->note_bytes < 0 ||
      module->microkernel_count < 0 ||
      (module->microkernel_count && !module->microkernels) ||
      module->weights_bytes < 0 || (module->weights_bytes && !module->weights))
    return fail(CINCH_ERROR_FORMAT, "%s: incomplete module", path.c_str());
  return checkDeviceCode();
}

cinch_status_t cinch_model_t::checkDeviceCode() const {
  int64_t images = module->device_image_count;
  int64_t functions = module->device_function_count;
  if (images < 0 || (images && !module->device_images) || functions < 0 ||
      (functions && (!module->device_functions || !images)))
    return fail(CINCH_ERROR_FORMAT, "%s: incomplete device code", path.c_str());
  for (int64_t index = 0; index < images; ++index) {
    const cinch_device_image_v1 &image = module->device_images[index];
    bool isImage = (image.is_cubin == 0 || image.is_cubin == 1) &&
                   image.architecture >= 10 && image.architecture < 1000 &&
                   image.data && image.bytes > 0;
    const char *text = static_cast<const char *>(image.data);
    if (!isImage || (!image.is_cubin && text[image.bytes - 1]))
      return fail(CINCH_ERROR_FORMAT, "%s: bad device image %" PRId64,
                  path.c_str(), index);
  }
  // Parameters of a launch have at most 32764 bytes.
  constexpr int32_t maxWords = 4095, maxThreads = 1024;
  for (int64_t index = 0; index < functions; ++index) {
    const cinch_device_function_v1 &function = module->device_functions[index];
    if (!function.name || !*function.name || function.words < 0 ||
        function.words > maxWords || function.threads < 1 ||
        function.threads > maxThreads || function.shared_bytes < 0 ||
        function.calls < 1 || function.calls > maxWords)
      return fail(CINCH_ERROR_FORMAT, "%s: bad device function %" PRId64,
                  path.c_str(), index);
  }
  return CINCH_OK;
}

cinch_model_t::~cinch_model_t() {
  if (!library)
    return;
  std::lock_guard<std::mutex> lock(libraryMutex);
  dlclose(library);
  std::vector<OpenLibrary> &libraries = openLibraries();
  for (size_t index = 0; isRegistered && index < libraries.size(); ++index)
    if (libraries[index].path == path && --libraries[index].count == 0) {
      libraries.erase(libraries.begin() + index);
      break;
    }
}

void cinch_model_t::release() {
  if (holders.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete this;
}

/// Resolves links and relative parts, so that one file has one name.
static cinch_status_t resolvePath(const std::string &path, std::string &out) {
  std::unique_ptr<char, decltype(&free)> resolved(
      realpath(path.c_str(), nullptr), free);
  if (!resolved && errno == ENOMEM)
    throw std::bad_alloc();
  if (!resolved)
    return fail(CINCH_ERROR_IO, "%s: cannot be found", path.c_str());
  out = resolved.get();
  return CINCH_OK;
}

static int64_t microsecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now() - start)
      .count();
}

cinch_status_t cinch_model_t::load(const std::string &modelPath,
                                   const cinch_model_options_t &options) {
  auto start = std::chrono::steady_clock::now();
  CINCH_RETURN_IF_ERROR(resolvePath(modelPath, path));
  const char *name = path.c_str();
  MappedFile file;
  CINCH_RETURN_IF_ERROR(file.open(path));
  std::string_view descriptor;
  CINCH_RETURN_IF_ERROR(findNote(name, file.data(), file.size(), descriptor));
  Note note;
  CINCH_RETURN_IF_ERROR(parseNote(name, descriptor, note));
  CINCH_RETURN_IF_ERROR(checkMachine(name, note));
  CINCH_RETURN_IF_ERROR(openLibrary(file));
  CINCH_RETURN_IF_ERROR(loadContents(note, options));
  loadMicroseconds = microsecondsSince(start);
  return CINCH_OK;
}

cinch_status_t cinch_model_t::load(const cinch_module_t &linked,
                                   const cinch_model_options_t &options) {
  auto start = std::chrono::steady_clock::now();
  path = "linked module";
  module = &linked;
  if (module->abi_version != CINCH_MODULE_ABI_VERSION)
    return fail(CINCH_ERROR_VERSION,
                "%s: compiled for module ABI %" PRId64
                ", but this runtime has %d: compile the model again",
                path.c_str(), module->abi_version, CINCH_MODULE_ABI_VERSION);
  CINCH_RETURN_IF_ERROR(checkModule());
  Note note;
  CINCH_RETURN_IF_ERROR(parseNote(
      path.c_str(), std::string_view(module->note, module->note_bytes), note));
  CINCH_RETURN_IF_ERROR(checkMachine(path.c_str(), note));
  CINCH_RETURN_IF_ERROR(loadContents(note, options));
  loadMicroseconds = microsecondsSince(start);
  return CINCH_OK;
}

cinch_status_t
cinch_model_t::loadContents(const Note &note,
                            const cinch_model_options_t &options) {
  const char *name = path.c_str();
  CINCH_RETURN_IF_ERROR(manifest.parse(
      name, std::string_view(module->manifest, module->manifest_bytes)));
  if (manifest.target != note.target ||
      manifest.weightsChecksum != note.weightsChecksum ||
      manifest.weightsBytes != note.weightsBytes)
    return fail(CINCH_ERROR_FORMAT, "%s: its note and its manifest disagree",
                name);
  if ((manifest.target == "cpu") != (module->device_image_count == 0))
    return fail(CINCH_ERROR_FORMAT,
                "%s: compiled for target '%s', but has %" PRId64
                " images of device code",
                name, manifest.target.c_str(), module->device_image_count);
  CINCH_RETURN_IF_ERROR(loadWeights(options));
  return microkernels.make(name, module->microkernels,
                           module->microkernel_count);
}

cinch_status_t
cinch_model_t::loadWeights(const cinch_model_options_t &options) {
  const char *name = path.c_str();
  bool isEmbedded = manifest.hasWeights && manifest.weightsFile.empty();
  if (isEmbedded != (module->weights != nullptr))
    return fail(CINCH_ERROR_FORMAT,
                "%s: its manifest and its code disagree on where the weights "
                "are",
                name);
  if (!manifest.hasWeights)
    return CINCH_OK;
  bool verifies = options.verify_weights != 0;
  if (isEmbedded) {
    if (options.weights_path)
      return fail(CINCH_ERROR_INVALID_ARGUMENT,
                  "%s: has its weights inside, so it takes no weights_path",
                  name);
    return weights.use(
        path + " (its weights)", static_cast<const uint8_t *>(module->weights),
        static_cast<uint64_t>(module->weights_bytes), manifest, verifies);
  }
  if (options.weights_path)
    return weights.load(options.weights_path, manifest, verifies);
  if (!library)
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "%s: its weights are in a file ('%s' when it was compiled): "
                "give its path as weights_path",
                name, manifest.weightsFile.c_str());
  return weights.load(path.substr(0, path.rfind('/') + 1) +
                          manifest.weightsFile,
                      manifest, verifies);
}
