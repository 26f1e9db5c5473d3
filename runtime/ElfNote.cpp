//===- ElfNote.cpp - what a compiled model says before it is opened -------===//
//
// Loading a library executes it, so a file is judged by its bytes first. Every
// offset is checked against the file's size before it is followed.
//
//===----------------------------------------------------------------------===//
#include "runtime/ElfNote.h"

#include "runtime/CpuFeatures.h"
#include "runtime/Json.h"
#include "runtime/ModuleAbi.h"

#include <cinttypes>
#include <cstring>
#include <elf.h>

namespace cinch::rt {

namespace {
/// Bounds-checked reads from a file's bytes.
struct Reader {
  const uint8_t *file;
  uint64_t size;

  bool contains(uint64_t offset, uint64_t bytes) const {
    return offset <= size && bytes <= size - offset;
  }
  template <typename T> bool read(uint64_t offset, T &out) const {
    if (!contains(offset, sizeof(T)))
      return false;
    memcpy(&out, file + offset, sizeof(T));
    return true;
  }
};
} // namespace

#if defined(__x86_64__)
static constexpr uint16_t hostMachine = EM_X86_64;
#elif defined(__aarch64__)
static constexpr uint16_t hostMachine = EM_AARCH64;
#else
#error "unknown machine: add its ELF number"
#endif

static cinch_status_t damaged(const char *path, const char *what) {
  return fail(CINCH_ERROR_FORMAT, "%s: damaged or cut short: %s", path, what);
}

/// Checks the file header: a 64-bit little-endian shared object of this
/// machine.
static cinch_status_t checkHeader(const char *path, const Elf64_Ehdr &header) {
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return fail(CINCH_ERROR_FORMAT, "%s: not a compiled model (not ELF)", path);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_ident[EI_VERSION] != EV_CURRENT || header.e_type != ET_DYN)
    return fail(CINCH_ERROR_FORMAT,
                "%s: not a compiled model (not a 64-bit shared library)", path);
  if (header.e_machine != hostMachine)
    return fail(CINCH_ERROR_CPU,
                "%s: compiled for another architecture (ELF machine %d)", path,
                header.e_machine);
  return CINCH_OK;
}

/// Looks for our note in the notes at [offset, offset + bytes).
static cinch_status_t scanNotes(const char *path, const Reader &reader,
                                uint64_t offset, uint64_t bytes,
                                uint64_t alignment,
                                std::string_view &outDescriptor) {
  uint64_t end = offset + bytes, unit = alignment == 8 ? 8 : 4;
  while (end - offset >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    if (!reader.read(offset, note))
      return damaged(path, "note header");
    uint64_t nameAt = offset + sizeof(note);
    // Both sizes are 32 bits wide, so the sums below cannot wrap.
    uint64_t descAt = nameAt + note.n_namesz;
    descAt = (descAt - offset + unit - 1) / unit * unit + offset;
    uint64_t next = descAt + note.n_descsz;
    if (next > end)
      return damaged(path, "note runs past its section");
    if (note.n_namesz == sizeof(CINCH_NOTE_OWNER) &&
        note.n_type == CINCH_NOTE_TYPE &&
        !memcmp(reader.file + nameAt, CINCH_NOTE_OWNER,
                sizeof(CINCH_NOTE_OWNER))) {
      if (outDescriptor.data())
        return damaged(path, "more than one Cinch note");
      outDescriptor = std::string_view(
          reinterpret_cast<const char *>(reader.file + descAt), note.n_descsz);
    }
    next = (next - offset + unit - 1) / unit * unit + offset;
    if (next > end)
      break;
    offset = next;
  }
  return CINCH_OK;
}

cinch_status_t findNote(const char *path, const uint8_t *file, uint64_t size,
                        std::string_view &outDescriptor) {
  Reader reader{file, size};
  Elf64_Ehdr header;
  if (size < SELFMAG || memcmp(file, ELFMAG, SELFMAG) != 0)
    return fail(CINCH_ERROR_FORMAT, "%s: not a compiled model (not ELF)", path);
  if (!reader.read(0, header))
    return damaged(path, "file header");
  CINCH_RETURN_IF_ERROR(checkHeader(path, header));

  // A segment beyond the end of the file would be a bus error later.
  if (header.e_phnum == 0 || header.e_phentsize != sizeof(Elf64_Phdr))
    return damaged(path, "program headers");
  std::string_view descriptor;
  for (uint64_t index = 0; index < header.e_phnum; ++index) {
    Elf64_Phdr segment;
    if (header.e_phoff > size ||
        !reader.read(header.e_phoff + index * sizeof(segment), segment))
      return damaged(path, "program headers");
    bool isMapped = segment.p_type == PT_LOAD || segment.p_type == PT_DYNAMIC ||
                    segment.p_type == PT_NOTE;
    if (isMapped && (!reader.contains(segment.p_offset, segment.p_filesz) ||
                     segment.p_memsz < segment.p_filesz))
      return damaged(path, "a segment runs past the end");
    if (segment.p_type == PT_NOTE)
      CINCH_RETURN_IF_ERROR(scanNotes(path, reader, segment.p_offset,
                                      segment.p_filesz, segment.p_align,
                                      descriptor));
  }
  // The section headers are last in a linked file: they tell a cut one.
  uint64_t sections = uint64_t(header.e_shnum) * header.e_shentsize;
  if (header.e_shoff && !reader.contains(header.e_shoff, sections))
    return damaged(path, "section headers");
  // An unusual linker may keep a note section without a note segment.
  bool hasSections = header.e_shentsize == sizeof(Elf64_Shdr) && header.e_shoff;
  for (uint64_t index = 0;
       hasSections && !descriptor.data() && index < header.e_shnum; ++index) {
    Elf64_Shdr section;
    if (!reader.read(header.e_shoff + index * sizeof(section), section))
      return damaged(path, "section headers");
    if (section.sh_type != SHT_NOTE)
      continue;
    if (!reader.contains(section.sh_offset, section.sh_size))
      return damaged(path, "a note section runs past the end");
    CINCH_RETURN_IF_ERROR(scanNotes(path, reader, section.sh_offset,
                                    section.sh_size, section.sh_addralign,
                                    descriptor));
  }
  if (!descriptor.data())
    return fail(CINCH_ERROR_FORMAT,
                "%s: not a compiled model (a library without a Cinch note)",
                path);
  outDescriptor = descriptor;
  return CINCH_OK;
}

cinch_status_t parseNote(const char *path, std::string_view descriptor,
                         Note &outNote) {
  while (!descriptor.empty() && descriptor.back() == '\0')
    descriptor.remove_suffix(1);
  JsonDocument document;
  std::string error;
  if (!parseJson(descriptor, document, error))
    return fail(CINCH_ERROR_FORMAT, "%s: note is not JSON: %s", path,
                error.c_str());
  JsonObject note(document, "note");
  if (!note.getInt("abi", outNote.abi, 0, INT32_MAX))
    return fail(CINCH_ERROR_FORMAT, "%s: %s", path, note.error().c_str());
  if (outNote.abi != CINCH_MODULE_ABI_VERSION)
    return fail(CINCH_ERROR_VERSION,
                "%s: compiled for module ABI %" PRId64
                ", but this runtime has %d: compile the model again",
                path, outNote.abi, CINCH_MODULE_ABI_VERSION);
  if (!note.getString("target", outNote.target) ||
      !note.getString("cpu", outNote.cpu) ||
      !note.getStrings("features", outNote.features) ||
      !note.getString("weights_checksum", outNote.weightsChecksum) ||
      !note.getInt("weights_bytes", outNote.weightsBytes, 0, INT64_MAX))
    return fail(CINCH_ERROR_FORMAT, "%s: %s", path, note.error().c_str());
  return CINCH_OK;
}

/// Whether `target` is "cuda:sm_" and two or three digits.
static bool isCudaTarget(std::string_view target) {
  constexpr std::string_view prefix = "cuda:sm_";
  if (target.substr(0, prefix.size()) != prefix)
    return false;
  target.remove_prefix(prefix.size());
  return (target.size() == 2 || target.size() == 3) &&
         target.find_first_not_of("0123456789") == std::string_view::npos;
}

cinch_status_t checkMachine(const char *path, const Note &note) {
  if (note.target != "cpu" && !isCudaTarget(note.target))
    return fail(CINCH_ERROR_VERSION,
                "%s: compiled for target '%s'; this runtime has 'cpu' and "
                "'cuda:sm_NN'",
                path, note.target.c_str());
  std::string missing;
  for (std::string_view feature : note.features) {
    if (!feature.empty() && feature[0] == '-')
      continue;
    if (!feature.empty() && feature[0] == '+')
      feature.remove_prefix(1);
    if (!hostHasFeature(feature))
      missing += (missing.empty() ? "" : ", ") + std::string(feature);
  }
  if (missing.empty())
    return CINCH_OK;
  return fail(CINCH_ERROR_CPU,
              "%s: compiled for '%s', but this CPU lacks: %s (compile with a "
              "lower --cpu)",
              path, note.cpu.c_str(), missing.c_str());
}

} // namespace cinch::rt
