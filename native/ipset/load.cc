#include "ipset/load.h"

#include <cerrno>

#include "ipset/entry_run.h"
#include "ipset/lines.h"

namespace ipset {

namespace {

// What a message holds of the smallest elements with a port. What is read is written and sent while
// it is in the processor's cache.
constexpr uint32_t kElementsPerTurn = 1600;

void note(const LinesRead& read, seam::Reply& reply) noexcept {
  reply.consumed = read.bytes;
  reply.lines = read.lines;
}

}  // namespace

void loadLines(nl::Endpoint& endpoint, const LineJob& job, bool stopOnError,
               nl::Table<seam::SetEntry>& memory, seam::Reply& reply) noexcept {
  reply.tables |= seam::kSetLines;
  nl::Table<seam::SetLine> lines;
  nl::Bytes heap;
  EntryPace pace;
  LineReader reader(job.grammar, memory, heap, lines);
  for (LinesRead done; done.bytes < job.text.size();) {
    const uint32_t first = reply.settled;
    const uint32_t failed = reply.failures.count();
    memory.clear();
    lines.clear();
    heap.clear();
    const LinesRead read = reader.read(job.text, done, kElementsPerTurn);
    if (memory.failed() || heap.failed() || lines.failed()) {
      reply.error = -ENOMEM;
      return;
    }
    const uint32_t count = memory.count();
    const EntryJob entries{
        .entries = {memory.begin(), count}, .heap = heap.span(), .head = job.head, .first = first};
    if (count != 0) EntryRun(endpoint, entries, stopOnError, pace, reply).run();
    for (uint32_t i = failed; i < reply.failures.count(); ++i) {
      seam::SetLine* line = reply.setLines.add();
      if (line == nullptr) return;
      *line = lines[reply.failures[i].index - first];
    }
    if (reply.settled < first + count) {
      const seam::SetLine& next = lines[reply.settled - first];
      note({.bytes = next.offset, .lines = next.number}, reply);
      return;
    }
    note(read, reply);
    const bool stopped = stopOnError && reply.failures.count() != 0;
    if (stopped || reply.error != 0 || reply.overrun) return;
    // Less than a turn's worth: a line is left to the caller, or this was the end.
    if (count < kElementsPerTurn) return;
    done = read;
  }
}

void parseLines(std::string_view text, const seam::SetGrammar& grammar,
                seam::Reply& reply) noexcept {
  reply.tables |= seam::kSetEntries | seam::kSetLines;
  note(LineReader(grammar, reply.setEntries, reply.heap, reply.setLines).read(text), reply);
  reply.settled = reply.setEntries.count();
}

}  // namespace ipset
