#include "seam/args.h"

#include <fcntl.h>

#include <cerrno>
#include <cmath>

namespace seam {

namespace {

/// Undefined when the property is absent; nothing when reading it threw.
std::optional<Napi::Value> property(const Napi::Object& object, const char* name) {
  Napi::Value value;
  if (!object.Get(name).UnwrapTo(&value)) return std::nullopt;
  return value;
}

std::optional<std::string> stringOf(const Napi::Value& value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(value.Env(), value, nullptr, 0, &length) != napi_ok)
    return std::nullopt;
  std::string text(length, '\0');
  if (napi_get_value_string_utf8(value.Env(), value, text.data(), length + 1, &length) != napi_ok) {
    return std::nullopt;
  }
  return text;
}

std::string argument(size_t index) { return "argument " + std::to_string(index + 1); }

/// A detached buffer comes out empty.
std::optional<std::span<const uint8_t>> viewOf(const Napi::Value& value, const std::string& what) {
  napi_typedarray_type type = napi_int8_array;
  void* data = nullptr;
  size_t length = 0;
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr) !=
          napi_ok ||
      type != napi_uint8_array) {
    throwType(value.Env(), what + " must be a Uint8Array");
    return std::nullopt;
  }
  return std::span<const uint8_t>{static_cast<const uint8_t*>(data), data == nullptr ? 0 : length};
}

std::optional<std::string> pathOf(const Napi::Value& value, const std::string& what) {
  std::optional<std::string> path = value.IsString() ? stringOf(value) : std::nullopt;
  if (!path || path->empty() || path->find('\0') != std::string::npos) {
    throwType(value.Env(), what + " must be a path");
    return std::nullopt;
  }
  return path;
}

bool takePath(const Napi::Value& value, OpenOptions& out) {
  std::optional<std::string> path = pathOf(value, "netnsPath");
  if (!path) return false;
  out.path = std::move(*path);
  return true;
}

bool takeFd(const Napi::Value& value, OpenOptions& out) {
  double number = -1;
  if (!value.IsNumber() || napi_get_value_double(value.Env(), value, &number) != napi_ok ||
      number < 0 || number > INT32_MAX || number != std::floor(number)) {
    throwType(value.Env(), "netnsFd must be a file descriptor");
    return false;
  }
  // Duplicated now: the caller may close his own one as soon as the call has returned.
  out.hasFd = true;
  out.fd = nl::Fd(fcntl(static_cast<int>(number), F_DUPFD_CLOEXEC, 0));
  if (!out.fd.valid()) out.fdError = -errno;
  return true;
}

}  // namespace

void throwType(Napi::Env env, const std::string& message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message.c_str());
}

void throwRange(Napi::Env env, const std::string& message) {
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", message.c_str());
}

std::optional<Subsystem> subsystemArg(const Napi::CallbackInfo& info, size_t index) {
  const std::optional<std::string> name =
      info[index].IsString() ? stringOf(info[index]) : std::nullopt;
  if (name == "ipvs") return Subsystem::kIpvs;
  if (name == "ipset") return Subsystem::kIpset;
  if (name == "route") return Subsystem::kRoute;
  if (name == "conntrack") return Subsystem::kConntrack;
  throwType(info.Env(), argument(index) + " must be 'ipvs', 'ipset', 'route' or 'conntrack'");
  return std::nullopt;
}

std::optional<Shape> shapeArg(const Napi::CallbackInfo& info, size_t index) {
  const std::optional<std::string> name =
      info[index].IsString() ? stringOf(info[index]) : std::nullopt;
  if (name == "IpvsOp") return Shape::kIpvsOp;
  if (name == "SetCommand") return Shape::kSetCommand;
  if (name == "SetEntry") return Shape::kSetEntry;
  if (name == "LinkOp") return Shape::kLinkOp;
  if (name == "ConntrackOp") return Shape::kConntrackOp;
  throwType(info.Env(), argument(index) + " must be the name of a request record");
  return std::nullopt;
}

std::optional<std::span<const uint8_t>> viewArg(const Napi::CallbackInfo& info, size_t index) {
  return viewOf(info[index], argument(index));
}

bool bytesArg(const Napi::CallbackInfo& info, size_t index, nl::Bytes& into) {
  const std::optional<std::span<const uint8_t>> view = viewArg(info, index);
  if (!view) return false;
  if (into.append(view->data(), view->size())) return true;
  throwRange(info.Env(), argument(index) + " is too large");
  return false;
}

bool runOptionsArg(const Napi::CallbackInfo& info, size_t index, Request& request) {
  if (!info[index].IsObject()) {
    throwType(info.Env(), argument(index) + " must be an object");
    return false;
  }
  const Napi::Object options(info.Env(), info[index]);
  const std::optional<Napi::Value> stop = property(options, "stopOnError");
  const std::optional<Napi::Value> head = stop ? property(options, "head") : std::nullopt;
  if (!stop || !head) return false;
  if (!stop->IsBoolean() ||
      napi_get_value_bool(info.Env(), *stop, &request.stopOnError) != napi_ok) {
    throwType(info.Env(), "stopOnError must be a boolean");
    return false;
  }
  if (head->IsUndefined()) return true;
  const std::optional<std::span<const uint8_t>> bytes = viewOf(*head, "head");
  if (!bytes) return false;
  if (bytes->size() != sizeof(SetCommand)) {
    throwRange(info.Env(), "head must be one SetCommand record");
    return false;
  }
  request.head = nl::load<SetCommand>(bytes->data());
  request.hasHead = true;
  return true;
}

bool dumpOptionsArg(const Napi::CallbackInfo& info, size_t index, Request& request) {
  if (info[index].IsUndefined()) return true;
  if (!info[index].IsObject()) {
    throwType(info.Env(), argument(index) + " must be an object");
    return false;
  }
  const Napi::Object options(info.Env(), info[index]);
  const std::optional<Napi::Value> inParts = property(options, "inParts");
  if (!inParts) return false;
  if (!inParts->IsBoolean() ||
      napi_get_value_bool(info.Env(), *inParts, &request.inParts) != napi_ok) {
    throwType(info.Env(), "inParts must be a boolean");
    return false;
  }
  return true;
}

bool textArgs(const Napi::CallbackInfo& info, size_t index, Request& request) {
  if (!bytesArg(info, index, request.text)) return false;
  if (request.text.size() > INT32_MAX) {
    throwRange(info.Env(), argument(index) + " is too large");
    return false;
  }
  const std::optional<std::span<const uint8_t>> grammar = viewArg(info, index + 1);
  if (!grammar) return false;
  if (grammar->size() != sizeof(SetGrammar)) {
    throwRange(info.Env(), argument(index + 1) + " must be one SetGrammar record");
    return false;
  }
  request.grammar = nl::load<SetGrammar>(grammar->data());
  return true;
}

std::optional<OpenOptions> openOptionsArg(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsObject()) {
    throwType(info.Env(), argument(index) + " must be an object");
    return std::nullopt;
  }
  const Napi::Object options(info.Env(), info[index]);
  const std::optional<Napi::Value> path = property(options, "netnsPath");
  const std::optional<Napi::Value> fd = path ? property(options, "netnsFd") : std::nullopt;
  if (!path || !fd) return std::nullopt;
  OpenOptions out;
  if (!path->IsUndefined() && !takePath(*path, out)) return std::nullopt;
  if (!fd->IsUndefined() && !takeFd(*fd, out)) return std::nullopt;
  if (!out.path.empty() && out.hasFd) {
    throwType(info.Env(), "netnsPath and netnsFd exclude each other");
    return std::nullopt;
  }
  return out;
}

std::optional<std::string> pathArg(const Napi::CallbackInfo& info, size_t index) {
  return pathOf(info[index], argument(index));
}

std::optional<bool> booleanArg(const Napi::CallbackInfo& info, size_t index) {
  bool value = false;
  if (info[index].IsBoolean() && napi_get_value_bool(info.Env(), info[index], &value) == napi_ok) {
    return value;
  }
  throwType(info.Env(), argument(index) + " must be a boolean");
  return std::nullopt;
}

}  // namespace seam
