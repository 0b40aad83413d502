#pragma once

#include <napi.h>

namespace seam {

// The export table; see src/native/addon.ts for what each one does.

Napi::Value open(const Napi::CallbackInfo& info);
Napi::Value openFile(const Napi::CallbackInfo& info);
Napi::Value close(const Napi::CallbackInfo& info);
Napi::Value run(const Napi::CallbackInfo& info);
Napi::Value load(const Napi::CallbackInfo& info);
Napi::Value parse(const Napi::CallbackInfo& info);
Napi::Value dump(const Napi::CallbackInfo& info);
Napi::Value counters(const Napi::CallbackInfo& info);
Napi::Value encode(const Napi::CallbackInfo& info);
Napi::Value decode(const Napi::CallbackInfo& info);
Napi::Value layouts(const Napi::CallbackInfo& info);
Napi::Value versions(const Napi::CallbackInfo& info);

}  // namespace seam
