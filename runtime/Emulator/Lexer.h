//===- Lexer.h - words of PTX ---------------------------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_LEXER_H
#define CINCH_RUNTIME_EMULATOR_LEXER_H

#include <cstdint>
#include <string_view>

namespace cinch::emulator::ptx {

struct Token {
  enum Kind {
    Word,   ///< name, register, directive or opcode with its modifiers
    Number, ///< digits as written, without a sign
    String, ///< without the quotes
    Mark,   ///< one character
    End,
    Bad, ///< a character that PTX does not have, or an open comment or string
  };
  Kind kind = End;
  std::string_view text;
  uint32_t line = 0;

  bool is(std::string_view other) const {
    return kind != String && text == other;
  }
};

/// Cuts PTX into tokens, without comments. The text must outlive it.
class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) {}
  Token next();

private:
  /// False if a comment is not closed.
  bool skipBlanks();
  Token take(Token::Kind kind, size_t size);

  std::string_view text;
  size_t position = 0;
  uint32_t line = 1;
};

} // namespace cinch::emulator::ptx

#endif // CINCH_RUNTIME_EMULATOR_LEXER_H
