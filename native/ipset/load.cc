#include "ipset/load.h"

#include <cerrno>

#include "ipset/entry_run.h"
#include "ipset/lines.h"

namespace ipset {

namespace {

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
  note(LineReader(job.grammar, memory, heap, lines).read(job.text), reply);
  if (memory.failed() || heap.failed() || lines.failed()) {
    note({}, reply);
    reply.error = -ENOMEM;
    return;
  }
  if (memory.count() == 0) return;
  const EntryJob entries{
      .entries = {memory.begin(), memory.count()}, .heap = heap.span(), .head = job.head};
  EntryRun(endpoint, entries, stopOnError, reply).run();
  if (reply.settled < memory.count()) {
    const seam::SetLine& next = lines[reply.settled];
    note({.bytes = next.offset, .lines = next.number}, reply);
  }
  for (const seam::Failure& failure : reply.failures) {
    seam::SetLine* line = reply.setLines.add();
    if (line == nullptr) return;
    *line = lines[failure.index];
  }
}

void parseLines(std::string_view text, const seam::SetGrammar& grammar,
                seam::Reply& reply) noexcept {
  reply.tables |= seam::kSetEntries | seam::kSetLines;
  note(LineReader(grammar, reply.setEntries, reply.heap, reply.setLines).read(text), reply);
  reply.settled = reply.setEntries.count();
}

}  // namespace ipset
