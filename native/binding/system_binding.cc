// Glue for the readers of cores, quotas and memory: facts in, one plain object out.
#include <string>
#include <vector>

#include "binding/bindings.h"
#include "binding/object_writer.h"
#include "os/sizing.h"
#include "os/system_info.h"
#if defined(__linux__)
#include "os/system_linux.h"
#endif

namespace amorsize::binding {
namespace {

using os::SystemInfo;

std::string_view name_of(os::CgroupVersion version) {
  switch (version) {
    case os::CgroupVersion::v1:
      return "v1";
    case os::CgroupVersion::v2:
      return "v2";
    case os::CgroupVersion::none:
      break;
  }
  return {};
}

Napi::Value make_pressure(Napi::Env env, const os::Pressure& pressure) {
  if (!pressure.known()) return env.Null();
  ObjectWriter writer(env);
  writer.number("some", pressure.some);
  writer.number("full", pressure.full);
  return writer.object();
}

Napi::Value make_source(Napi::Env env, bool found, const os::Source& source) {
  if (!found) return env.Null();
  ObjectWriter writer(env);
  writer.text("file", source.file);
  writer.integer("level", source.height);
  return writer.object();
}

Napi::Value make_kinds(Napi::Env env, const std::vector<os::CoreKind>& kinds) {
  if (kinds.empty()) return env.Null();
  const Napi::Array list = Napi::Array::New(env, kinds.size());
  for (size_t i = 0; i < kinds.size(); ++i) {
    ObjectWriter writer(env);
    writer.integer("cores", kinds[i].cores);
    writer.integer("cpus", kinds[i].cpus);
    if (writer.ok()) list.Set(static_cast<uint32_t>(i), writer.object());
  }
  return list;
}

Napi::Value make_cpu(Napi::Env env, const os::CpuFacts& cpu) {
  const os::CpuSizing sizing = os::size_cpu(cpu);
  ObjectWriter writer(env);
  writer.integer("onlineLogical", cpu.online);
  writer.integer("affinityLogical", cpu.affinity);
  writer.number("quotaCpus", cpu.quota ? std::optional(cpu.quota->cpus()) : std::nullopt);
  writer.integer("throttledPeriods", cpu.throttling.periods);
  writer.number("throttledMs", cpu.throttling.ms);
  writer.number("usableCpus", sizing.usable);
  writer.integer("parallelism", sizing.parallelism);
  writer.integer("parallelismFloor", sizing.parallelism_floor);
  writer.integer("physicalCoresOnline", cpu.topology.cores_online);
  writer.integer("physicalCores", cpu.topology.cores_usable);
  writer.integer("cpuWorkers", sizing.workers);
  writer.integer("smtWidth", cpu.topology.smt_width);
  writer.integer("packages", cpu.topology.packages);
  writer.set("kinds", make_kinds(env, cpu.topology.kinds));
  writer.integer("numaNodes", cpu.topology.numa_nodes);
  writer.text("controller", name_of(cpu.controller));
  writer.boolean("ancestorsVisible", cpu.ancestors_visible);
  writer.text("model", cpu.model);
  writer.set("pressure", make_pressure(env, cpu.machine_pressure));
  writer.set("groupPressure", make_pressure(env, cpu.group_pressure));
  return writer.object();
}

Napi::Value make_memory(Napi::Env env, const os::MemoryFacts& memory) {
  ObjectWriter writer(env);
  writer.integer("totalBytes", memory.total);
  writer.integer("nodesTotalBytes", memory.nodes_total);
  writer.integer("limitBytes", memory.hard.value);
  writer.integer("highBytes", memory.high.value);
  writer.integer("effectiveLimitBytes", os::effective_limit(memory));
  writer.integer("workingSetBytes", memory.working_set);
  writer.integer("availableBytes", os::available_memory(memory).value);
  writer.integer("machineAvailableBytes", memory.machine_available);
  writer.integer("addressSpaceLimitBytes", memory.address_space.value);
  writer.integer("swapTotalBytes", memory.swap_total);
  writer.integer("swapFreeBytes", memory.swap_free);
  writer.integer("swapLimitBytes", memory.swap_limit.value);
  writer.integer("highEvents", memory.events.high);
  writer.integer("maxEvents", memory.events.max);
  writer.integer("oomKills", memory.events.oom_kills);
  writer.integer("pageSizeBytes", memory.page_size == 0 ? std::nullopt : std::optional(memory.page_size));
  writer.set("pressure", make_pressure(env, memory.machine_pressure));
  writer.set("groupPressure", make_pressure(env, memory.group_pressure));
  writer.text("controller", name_of(memory.controller));
  writer.boolean("ancestorsVisible", memory.ancestors_visible);
  return writer.object();
}

Napi::Value make_pids(Napi::Env env, const os::TaskLimits& tasks) {
  ObjectWriter writer(env);
  writer.integer("limit", tasks.limit.value);
  writer.integer("available", tasks.available_known ? tasks.available.value : std::nullopt);
  return writer.object();
}

Napi::Value make_sources(Napi::Env env, const SystemInfo& info) {
  const auto add = [env](ObjectWriter& writer, const char* name, const os::LowestLimit& limit) {
    writer.set(name, make_source(env, limit.value.has_value(), limit.source));
  };
  ObjectWriter writer(env);
  const auto& quota = info.cpu.quota;
  writer.set("quotaCpus", make_source(env, quota.has_value(), quota ? quota->source : os::Source{}));
  add(writer, "limitBytes", info.memory.hard);
  add(writer, "highBytes", info.memory.high);
  add(writer, "swapLimitBytes", info.memory.swap_limit);
  add(writer, "addressSpaceLimitBytes", info.memory.address_space);
  add(writer, "pidsLimit", info.tasks.limit);
  add(writer, "availableBytes", os::available_memory(info.memory));
  return writer.object();
}

Napi::Value make_texts(Napi::Env env, const std::vector<std::string>& texts) {
  const Napi::Array list = Napi::Array::New(env, texts.size());
  for (size_t i = 0; i < texts.size(); ++i) list.Set(static_cast<uint32_t>(i), Napi::String::New(env, texts[i]));
  return list;
}

Napi::Value make_info(Napi::Env env, const SystemInfo& info) {
  ObjectWriter writer(env);
  writer.set("cpu", make_cpu(env, info.cpu));
  writer.set("memory", make_memory(env, info.memory));
  writer.set("pids", make_pids(env, info.tasks));
  writer.set("sources", make_sources(env, info));
  writer.set("unreadable", make_texts(env, info.unreadable));
  return writer.object();
}

Napi::Value system_info(const Napi::CallbackInfo& call) { return make_info(call.Env(), os::read_system()); }

#if defined(__linux__)

Napi::Value throw_type(Napi::Env env, const char* message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
  return {};
}

Napi::Value throw_range(Napi::Env env, const char* message) {
  Napi::RangeError::New(env, message).ThrowAsJavaScriptException();
  return {};
}

std::optional<uint64_t> positive(const Napi::Value& value) {
  if (!value.IsNumber()) return std::nullopt;
  const double number = value.As<Napi::Number>().DoubleValue();
  return number >= 1 && number <= 9007199254740992.0 ? std::optional(static_cast<uint64_t>(number)) : std::nullopt;
}

// (root, affinity list or '' for the tree's own, pid, page size)
Napi::Value system_tree(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  if (!call[0].IsString() || !call[1].IsString()) return throw_type(env, "root and affinity must be strings");
  const std::string root = call[0].As<Napi::String>();
  const std::string affinity = call[1].As<Napi::String>();
  const auto pid = positive(call[2]);
  const auto page_size = positive(call[3]);
  if (!pid || !page_size) return throw_range(env, "pid and pageSize must be positive numbers");
  if (root.find('\0') != std::string::npos) return throw_range(env, "root must not contain NUL characters");
  const os::FileTree tree(root == "/" ? std::string() : root);
  os::ProcessFacts process = os::process_of_tree(tree);
  process.pid = *pid;
  process.page_size = *page_size;
  if (!affinity.empty()) {
    auto mask = os::parse_cpu_list(affinity);
    if (!mask || mask->empty()) return throw_range(env, "affinity must be a list of CPU numbers such as 0-3,8");
    process.affinity = std::move(*mask);
  } else if (process.affinity.empty()) {
    process.affinity = os::read_online_cpus(tree).value_or(os::CpuSet());
  }
  return make_info(env, os::read_system_tree(tree, process));
}

#endif

}  // namespace

bool register_system(napi_env env, napi_value exports) {
  Napi::Object target(env, exports);
#if defined(__linux__)
  target.Set("systemTree", Napi::Function::New(env, system_tree, "systemTree"));
#endif
  target.Set("systemInfo", Napi::Function::New(env, system_info, "systemInfo"));
  return !Napi::Env(env).IsExceptionPending();
}

}  // namespace amorsize::binding
