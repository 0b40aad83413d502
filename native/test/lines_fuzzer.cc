#include <cstring>

#include "test/read_lines.h"

/// The grammar first, the text behind it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  seam::SetGrammar how{};
  if (size < sizeof how) return 0;
  std::memcpy(&how, data, sizeof how);
  readLinesChecked(how, {reinterpret_cast<const char*>(data) + sizeof how, size - sizeof how});
  return 0;
}
