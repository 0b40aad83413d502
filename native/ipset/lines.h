#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "nl/bytes.h"
#include "seam/records.h"

namespace ipset {

/// What was read of a text.
struct LinesRead {
  uint32_t bytes = 0;  ///< up to the end of the text, or up to the line that is left to the caller
  uint32_t lines = 0;  ///< in those bytes
};

/// Elements from lines of text, as SetEntry records.
///
/// Knows the plain forms of every part and option: what `ipset save` prints and what block lists
/// hold. A line that it does not know for sure (a rare spelling, a name from a table, a mistake) is
/// not judged here: reading stops before it, and the caller, who has the whole grammar, decides. So
/// what is read here is always what the whole grammar makes of it, and nothing is refused here.
///
/// Lines end with LF or CR LF. Blank lines, and comments from # or ; at the start of a line or
/// behind white space on, are passed over.
class LineReader {
 public:
  LineReader(const seam::SetGrammar& grammar, nl::Table<seam::SetEntry>& entries, nl::Bytes& heap,
             nl::Table<seam::SetLine>& lines) noexcept
      : grammar_(grammar),
        prefix_(nl::inlineString(grammar.prefix)),
        entries_(entries),
        heap_(heap),
        lines_(lines) {}

  /// Read on behind `done`, up to `most` elements. What stands behind the last LF is a line too.
  [[nodiscard]] LinesRead read(std::string_view text, LinesRead done = {},
                               uint32_t most = UINT32_MAX) noexcept;

 private:
  enum class Line : uint8_t { kElement, kNothing, kUndecided };

  [[nodiscard]] Line line(std::string_view text) noexcept;
  [[nodiscard]] bool element(std::string_view text) noexcept;

  const seam::SetGrammar& grammar_;
  std::string_view prefix_;
  nl::Table<seam::SetEntry>& entries_;
  nl::Bytes& heap_;
  nl::Table<seam::SetLine>& lines_;
};

}  // namespace ipset
