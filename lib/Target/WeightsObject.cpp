//===- WeightsObject.cpp - weights as an object file ----------------------===//
//
// Written here and not by LLVM, which would hold all bytes as a constant, as a
// fragment and as a file at once. The file is the header, the weights, the
// small tables, and the section headers.
//
//===----------------------------------------------------------------------===//
#include "lib/Target/WeightsObject.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/Alignment.h"

using namespace cinch;
using namespace llvm::ELF;

namespace {

enum Section { none, data, stack, symbols, strings, names, count };

/// NUL-terminated strings, known by their offsets.
struct StringTable {
  std::string text = std::string(1, '\0');
  uint32_t add(llvm::StringRef string) {
    uint32_t offset = text.size();
    text += string.str() + '\0';
    return offset;
  }
};

} // namespace

template <typename T>
static void writeObjects(llvm::raw_ostream &os, llvm::ArrayRef<T> objects) {
  os.write(reinterpret_cast<const char *>(objects.data()),
           objects.size() * sizeof(T));
}

/// The null symbol and `symbol`, which spans the section of the weights.
static std::array<Elf64_Sym, 2> makeSymbols(uint32_t name, uint64_t bytes) {
  Elf64_Sym symbol = {};
  symbol.st_name = name;
  symbol.setBindingAndType(STB_GLOBAL, STT_OBJECT);
  symbol.st_other = STV_HIDDEN;
  symbol.st_shndx = Section::data;
  symbol.st_size = bytes;
  return {Elf64_Sym{}, symbol};
}

static Elf64_Ehdr makeHeader(uint16_t machine, uint32_t flags,
                             uint64_t sectionsOffset) {
  Elf64_Ehdr header = {};
  memcpy(header.e_ident, ElfMagic, 4);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = machine;
  header.e_version = EV_CURRENT;
  header.e_shoff = sectionsOffset;
  header.e_flags = flags;
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = Section::count;
  header.e_shstrndx = Section::names;
  return header;
}

llvm::Error cinch::writeWeightsObject(llvm::raw_ostream &os,
                                      const WeightsFile &weights,
                                      llvm::StringRef symbol, uint16_t machine,
                                      uint32_t flags) {
  StringTable symbolNames, sectionNames;
  uint64_t bytes = weights.getFileBytes();
  std::array<Elf64_Sym, 2> table = makeSymbols(symbolNames.add(symbol), bytes);
  std::array<Elf64_Shdr, Section::count> sections = {};
  auto set = [&](Section section, llvm::StringRef name, uint32_t type,
                 uint64_t size, uint64_t alignment) -> Elf64_Shdr & {
    Elf64_Shdr &header = sections[section];
    const Elf64_Shdr &previous = sections[section - 1];
    header.sh_name = sectionNames.add(name);
    header.sh_type = type;
    header.sh_offset = llvm::alignTo(
        section == Section::data ? sizeof(Elf64_Ehdr)
                                 : previous.sh_offset + previous.sh_size,
        alignment);
    header.sh_size = size;
    header.sh_addralign = alignment;
    return header;
  };
  // Large data lies beside, not between, what code reaches with 32 bits.
  bool isLarge = machine == EM_X86_64;
  set(Section::data, isLarge ? ".lrodata" : ".rodata", SHT_PROGBITS, bytes, 64)
      .sh_flags =
      SHF_ALLOC | (isLarge ? uint64_t(SHF_X86_64_LARGE) : uint64_t(0));
  // No executable stack is needed.
  set(Section::stack, ".note.GNU-stack", SHT_PROGBITS, 0, 1);
  Elf64_Shdr &symbolSection =
      set(Section::symbols, ".symtab", SHT_SYMTAB, sizeof(table), 8);
  symbolSection.sh_link = Section::strings;
  symbolSection.sh_info = 1; // the first global symbol
  symbolSection.sh_entsize = sizeof(Elf64_Sym);
  set(Section::strings, ".strtab", SHT_STRTAB, symbolNames.text.size(), 1);
  uint32_t own = sectionNames.text.size();
  sectionNames.add(".shstrtab"); // counted in its own size
  Elf64_Shdr &last = set(Section::names, "", SHT_STRTAB, 0, 1);
  last.sh_name = own;
  last.sh_size = sectionNames.text.size();

  uint64_t at = 0;
  auto padTo = [&](uint64_t offset) {
    os.write_zeros(offset - at);
    at = offset;
  };
  uint64_t sectionsOffset = llvm::alignTo(last.sh_offset + last.sh_size, 8);
  Elf64_Ehdr header = makeHeader(machine, flags, sectionsOffset);
  writeObjects(os, llvm::ArrayRef<Elf64_Ehdr>(header));
  at = sizeof(header);
  padTo(sections[Section::data].sh_offset);
  if (llvm::Error error = weights.write(os))
    return error;
  at += bytes;
  padTo(symbolSection.sh_offset);
  writeObjects(os, llvm::ArrayRef<Elf64_Sym>(table));
  os << symbolNames.text << sectionNames.text;
  at = last.sh_offset + last.sh_size;
  padTo(sectionsOffset);
  writeObjects(os, llvm::ArrayRef<Elf64_Shdr>(sections));
  return llvm::Error::success();
}
