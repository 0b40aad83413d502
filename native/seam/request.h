#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "nl/bytes.h"
#include "seam/shape.h"

namespace seam {

/// What a run or a dump was given: copies of the caller's bytes, so that nothing that JavaScript
/// does with its buffers meanwhile can reach the worker thread.
struct Request {
  Shape shape = Shape::kIpvsOp;
  nl::Bytes records;
  nl::Bytes heap;
  SetCommand head{};  ///< of a SetEntry run
  bool hasHead = false;
  bool stopOnError = false;

  template <class Record>
  [[nodiscard]] std::span<const Record> as() const noexcept {
    return {reinterpret_cast<const Record*>(records.data()), records.size() / sizeof(Record)};
  }
};

/// Checks what memory safety and the conversation with the kernel need: whole records, known
/// commands, strings inside the heap. Meaning is checked in TypeScript. Returns what is wrong.
[[nodiscard]] std::optional<std::string> misuseOfRun(const Request& request);
[[nodiscard]] std::optional<std::string> misuseOfDump(const Request& request);

}  // namespace seam
