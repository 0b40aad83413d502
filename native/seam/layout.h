#pragma once

#include <cstddef>
#include <span>

namespace seam {

struct Field {
  const char* name;
  size_t offset;
};

struct Layout {
  const char* name;
  size_t size;
  std::span<const Field> fields;
};

/// Size and offsets of every record but for padding; a test compares them with
/// src/native/records.ts.
std::span<const Layout> layouts() noexcept;

}  // namespace seam
