//===- Lexer.cpp - words of PTX -------------------------------------------===//
#include "runtime/Emulator/Lexer.h"
#include <cctype>
#include <cstring>

using namespace cinch::emulator::ptx;

static bool isDigit(char c) { return isdigit(static_cast<unsigned char>(c)); }

static bool startsWord(char c) {
  return isalpha(static_cast<unsigned char>(c)) || (c && strchr("_$%.", c));
}

static bool continuesWord(char c) { return startsWord(c) || isDigit(c); }

bool Lexer::skipBlanks() {
  while (position < text.size()) {
    char c = text[position];
    if (c == '\n')
      ++line;
    if (isspace(static_cast<unsigned char>(c))) {
      ++position;
    } else if (text.substr(position, 2) == "//") {
      position = std::min(text.find('\n', position), text.size());
    } else if (text.substr(position, 2) == "/*") {
      size_t end = text.find("*/", position + 2);
      if (end == text.npos)
        return false;
      for (; position < end + 2; ++position)
        line += text[position] == '\n';
    } else {
      return true;
    }
  }
  return true;
}

Token Lexer::take(Token::Kind kind, size_t size) {
  Token token{kind, text.substr(position, size), line};
  position += size;
  return token;
}

Token Lexer::next() {
  if (!skipBlanks())
    return take(Token::Bad, 2);
  // A NUL ends the text, as it does for the driver.
  if (position >= text.size() || text[position] == '\0')
    return take(Token::End, 0);
  char c = text[position];
  size_t end = position + 1;
  if (c == '"') {
    end = text.find_first_of("\"\n", end);
    if (end == text.npos || text[end] == '\n')
      return take(Token::Bad, 1);
    Token token{Token::String, text.substr(position + 1, end - position - 1),
                line};
    position = end + 1;
    return token;
  }
  if (isDigit(c)) {
    // 12, 0x1F, 0f3F800000, 1.5; 9.0 after .version; 16U.
    while (end < text.size() &&
           (isalnum(static_cast<unsigned char>(text[end])) || text[end] == '.'))
      ++end;
    return take(Token::Number, end - position);
  }
  if (startsWord(c)) {
    while (end < text.size()) {
      if (continuesWord(text[end]))
        ++end;
      else if (text.substr(end, 2) == "::")
        end += 2; // .L2::128B
      else
        break;
    }
    return take(Token::Word, end - position);
  }
  if (strchr("{}[]()<>,;:@!|+-=*&~^/?#", c))
    return take(Token::Mark, 1);
  return take(Token::Bad, 1);
}
