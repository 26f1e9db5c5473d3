//===- WireMutator.h - changes protobuf messages as trees -----------------===//
//
// Bytes changed at random are seldom a protobuf message, and never one with
// other nodes or shapes. This mutator takes a message apart as the wire format
// has it, without a schema, changes the tree, and writes it with right lengths.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_TEST_FUZZ_WIREMUTATOR_H
#define CINCH_TEST_FUZZ_WIREMUTATOR_H

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace cinch::fuzz {

/// A field of a message. Bytes that are themselves a message are a tree.
struct Field {
  uint32_t number = 0;
  uint32_t wireType = 0;
  uint64_t value = 0; ///< unless wireType is 2
  std::string bytes;  ///< if wireType is 2 and not a message
  bool isMessage = false;
  std::vector<Field> children;
};

/// The fields of `bytes`; false if they are no message.
bool parseMessage(std::string_view bytes, std::vector<Field> &out,
                  unsigned depth = 0);
std::string writeMessage(const std::vector<Field> &fields);

/// Makes one to four random changes to `fields`.
void mutateMessage(std::vector<Field> &fields, std::mt19937 &random);
/// Puts a random field of `other` in the place of, or beside, one of the same
/// number in `fields`.
void crossMessages(std::vector<Field> &fields, std::vector<Field> &other,
                   std::mt19937 &random);

} // namespace cinch::fuzz

#endif // CINCH_TEST_FUZZ_WIREMUTATOR_H
