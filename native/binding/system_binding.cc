// Glue for the readers of cores, quotas and memory: facts in, one plain object out.
#include <string>
#include <vector>

#include "binding/bindings.h"
#include "binding/napi_args.h"
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

napi_value make_pressure(napi_env env, const os::Pressure& pressure) {
  napi_value null = nullptr;
  napi_get_null(env, &null);
  if (!pressure.known()) return null;
  ObjectWriter writer(env);
  writer.number("some", pressure.some);
  writer.number("full", pressure.full);
  return writer.object();
}

napi_value make_source(napi_env env, bool found, const os::Source& source) {
  napi_value null = nullptr;
  napi_get_null(env, &null);
  if (!found) return null;
  ObjectWriter writer(env);
  writer.text("file", source.file);
  writer.integer("level", source.height);
  return writer.object();
}

napi_value make_kinds(napi_env env, const std::vector<os::CoreKind>& kinds) {
  napi_value list = nullptr;
  if (kinds.empty()) {
    napi_get_null(env, &list);
    return list;
  }
  if (napi_create_array_with_length(env, kinds.size(), &list) != napi_ok) return nullptr;
  for (size_t i = 0; i < kinds.size(); ++i) {
    ObjectWriter writer(env);
    writer.integer("cores", kinds[i].cores);
    writer.integer("cpus", kinds[i].cpus);
    if (!writer.ok() || napi_set_element(env, list, static_cast<uint32_t>(i), writer.object()) != napi_ok) return nullptr;
  }
  return list;
}

napi_value make_cpu(napi_env env, const os::CpuFacts& cpu) {
  const os::CpuSizing sizing = os::size_cpu(cpu);
  ObjectWriter writer(env);
  writer.integer("onlineLogical", cpu.online);
  writer.integer("affinityLogical", cpu.affinity);
  writer.number("quotaCpus", cpu.quota ? std::optional(cpu.quota->cpus()) : std::nullopt);
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
  return writer.ok() ? writer.object() : nullptr;
}

napi_value make_memory(napi_env env, const os::MemoryFacts& memory) {
  ObjectWriter writer(env);
  writer.integer("totalBytes", memory.total);
  writer.integer("limitBytes", memory.hard.value);
  writer.integer("highBytes", memory.high.value);
  writer.integer("effectiveLimitBytes", os::effective_limit(memory));
  writer.integer("workingSetBytes", memory.working_set);
  writer.integer("availableBytes", os::available_memory(memory));
  writer.integer("machineAvailableBytes", memory.machine_available);
  writer.integer("addressSpaceLimitBytes", memory.address_space.value);
  writer.integer("swapTotalBytes", memory.swap_total);
  writer.integer("swapFreeBytes", memory.swap_free);
  writer.integer("swapLimitBytes", memory.swap_limit.value);
  writer.integer("pageSizeBytes", memory.page_size == 0 ? std::nullopt : std::optional(memory.page_size));
  writer.set("pressure", make_pressure(env, memory.machine_pressure));
  writer.set("groupPressure", make_pressure(env, memory.group_pressure));
  writer.text("controller", name_of(memory.controller));
  writer.boolean("ancestorsVisible", memory.ancestors_visible);
  return writer.ok() ? writer.object() : nullptr;
}

napi_value make_pids(napi_env env, const os::TaskFacts& tasks) {
  ObjectWriter writer(env);
  writer.integer("limit", tasks.limit.value);
  writer.integer("available", tasks.available_known ? tasks.available.value : std::nullopt);
  return writer.ok() ? writer.object() : nullptr;
}

napi_value make_sources(napi_env env, const SystemInfo& info) {
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
  const auto& headroom = info.memory.headroom;
  const auto available = os::available_memory(info.memory);
  const bool by_group = available && headroom.value == available && available != info.memory.machine_available;
  writer.set("availableBytes", make_source(env, available.has_value(),
                                           by_group ? headroom.source : os::Source{info.memory.machine_source, {}}));
  return writer.ok() ? writer.object() : nullptr;
}

napi_value make_info(napi_env env, const SystemInfo& info) {
  ObjectWriter writer(env);
  writer.set("cpu", make_cpu(env, info.cpu));
  writer.set("memory", make_memory(env, info.memory));
  writer.set("pids", make_pids(env, info.tasks));
  writer.set("sources", make_sources(env, info));
  return writer.ok() ? writer.object() : throw_last(env, "building the result of systemInfo");
}

napi_value system_info(napi_env env, napi_callback_info) { return make_info(env, os::read_system()); }

#if defined(__linux__)

// Copies a string argument; false when it is none.
bool read_text(napi_env env, napi_value value, std::string* out) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  out->resize(length + 1);
  if (napi_get_value_string_utf8(env, value, out->data(), out->size(), &length) != napi_ok) return false;
  out->resize(length);
  return true;
}

bool read_positive(napi_env env, napi_value value, uint64_t* out) {
  double number = 0;
  if (!read_double(env, value, &number) || !(number >= 1 && number <= 9007199254740992.0)) return false;
  *out = static_cast<uint64_t>(number);
  return true;
}

// (root, affinity list or '' for the tree's own, pid, page size)
napi_value system_tree(napi_env env, napi_callback_info call) {
  const Args<4> args(env, call);
  std::string root, affinity;
  uint64_t pid = 0, page_size = 0;
  if (!args.ok || !read_text(env, args.values[0], &root) || !read_text(env, args.values[1], &affinity)) {
    return throw_type(env, "root and affinity must be strings");
  }
  if (!read_positive(env, args.values[2], &pid) || !read_positive(env, args.values[3], &page_size)) {
    return throw_range(env, "pid and pageSize must be positive numbers");
  }
  if (root.find('\0') != std::string::npos) return throw_range(env, "root must not contain NUL characters");
  const os::FileTree tree(root == "/" ? std::string() : root);
  os::ProcessFacts process = os::process_of_tree(tree);
  process.pid = pid;
  process.page_size = page_size;
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
#if defined(__linux__)
  if (!add_function(env, exports, "systemTree", system_tree)) return false;
#endif
  return add_function(env, exports, "systemInfo", system_info);
}

}  // namespace amorsize::binding
