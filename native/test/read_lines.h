#pragma once

#include <string_view>

#include "ipset/lines.h"

/// Text as the reader sees it.
struct ReadLines {
  ReadLines(const seam::SetGrammar& how, std::string_view text) {
    done = ipset::LineReader(how, entries, heap, lines).read(text);
  }
  [[nodiscard]] std::string_view comment(uint32_t index) {
    const seam::SetEntry& entry = entries[index];
    return {reinterpret_cast<const char*>(heap.data()) + entry.commentOffset, entry.commentLength};
  }

  ipset::LinesRead done;
  nl::Table<seam::SetEntry> entries;
  nl::Table<seam::SetLine> lines;
  nl::Bytes heap;
};

/// Read, and abort when what came out does not hold together.
inline void readLinesChecked(const seam::SetGrammar& how, std::string_view text) {
  ReadLines read(how, text);
  if (read.done.bytes > text.size() || read.entries.count() != read.lines.count()) __builtin_trap();
  for (const seam::SetLine& line : read.lines) {
    if (line.offset >= read.done.bytes || line.number >= read.done.lines) __builtin_trap();
  }
  const size_t heap = read.heap.size();
  for (const seam::SetEntry& entry : read.entries) {
    const auto inside = [heap](size_t offset, size_t length) {
      return offset <= heap && length <= heap - offset;
    };
    if (!inside(entry.nameOffset, entry.nameLength) ||
        !inside(entry.commentOffset, entry.commentLength)) {
      __builtin_trap();
    }
  }
}
