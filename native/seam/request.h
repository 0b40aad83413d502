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
  nl::Bytes text;        ///< of a load or a parse
  SetGrammar grammar{};  ///< of the same
  bool inParts = false;  ///< of a listing: hand it over as it came

  template <class Record>
  [[nodiscard]] std::span<const Record> as() const noexcept {
    return {reinterpret_cast<const Record*>(records.data()), records.size() / sizeof(Record)};
  }
};

/// Copy the part of the caller's heap that the SetEntry records refer to into the request, and make
/// their offsets relative to it. A long run comes in many parts with one heap. Offsets outside the
/// heap are left for misuseOfRun() to find. False: no memory.
[[nodiscard]] bool takeHeap(Request& request, std::span<const uint8_t> heap) noexcept;

/// Checks what memory safety and the conversation with the kernel need: whole records, known
/// commands, strings inside the heap. Meaning is checked in TypeScript. Returns what is wrong.
[[nodiscard]] std::optional<std::string> misuseOfRun(const Request& request);
[[nodiscard]] std::optional<std::string> misuseOfLoad(const Request& request);
[[nodiscard]] std::optional<std::string> misuseOfDump(const Request& request);

}  // namespace seam
