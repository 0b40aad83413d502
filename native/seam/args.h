#pragma once

#include <napi.h>

#include <optional>
#include <span>
#include <string>

#include "nl/bytes.h"
#include "nl/netns.h"
#include "seam/request.h"

namespace seam {

// What a function was given. A value of the wrong kind leaves a TypeError pending and comes back as
// nothing.

[[nodiscard]] std::optional<Subsystem> subsystemArg(const Napi::CallbackInfo& info, size_t index);
[[nodiscard]] std::optional<Shape> shapeArg(const Napi::CallbackInfo& info, size_t index);
/// The content of a Uint8Array, in place: good until JavaScript runs again.
[[nodiscard]] std::optional<std::span<const uint8_t>> viewArg(const Napi::CallbackInfo& info,
                                                              size_t index);
/// The same, copied into `into`; false when there is nothing to copy.
[[nodiscard]] bool bytesArg(const Napi::CallbackInfo& info, size_t index, nl::Bytes& into);
/// `{ stopOnError, head? }` into the request.
[[nodiscard]] bool runOptionsArg(const Napi::CallbackInfo& info, size_t index, Request& request);

/// `{ inParts? }` into the request; may be absent.
[[nodiscard]] bool dumpOptionsArg(const Napi::CallbackInfo& info, size_t index, Request& request);
/// Text and a SetGrammar record from two arguments into the request.
[[nodiscard]] bool textArgs(const Napi::CallbackInfo& info, size_t index, Request& request);

/// `{ netnsPath?, netnsFd? }`.
struct OpenOptions {
  std::string path;  ///< empty: none
  nl::Fd fd;         ///< a duplicate of the caller's one
  bool hasFd = false;
  int fdError = 0;  ///< negative errno: the descriptor could not be duplicated
};
[[nodiscard]] std::optional<OpenOptions> openOptionsArg(const Napi::CallbackInfo& info,
                                                        size_t index);

/// A path: text that is not empty and has no NUL.
[[nodiscard]] std::optional<std::string> pathArg(const Napi::CallbackInfo& info, size_t index);
[[nodiscard]] std::optional<bool> booleanArg(const Napi::CallbackInfo& info, size_t index);

/// Leave an error pending.
void throwType(Napi::Env env, const std::string& message);
void throwRange(Napi::Env env, const std::string& message);

}  // namespace seam
