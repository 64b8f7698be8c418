#include "os/node_memory.h"

#include "os/file_values.h"
#include "os/limit.h"

namespace amorsize::os {
namespace {

constexpr const char* kNodes = "/sys/devices/system/node";

std::optional<CpuSet> read_nodes_with_memory(const FileTree& tree) {
  for (const char* file : {"/has_memory", "/online"}) {
    auto nodes = read_cpu_list(tree, std::string(kNodes) + file);
    if (nodes && !nodes->empty()) return nodes;
  }
  return std::nullopt;
}

// What the kernel leaves out of MemAvailable though it is free or can be taken back: its reserves.
uint64_t kernel_reserve(const Meminfo& machine) {
  if (!machine.available || !machine.free) return 0;
  return subtract_to_zero(*machine.free + machine.file_pages + machine.slab_reclaimable, *machine.available);
}

}  // namespace

std::optional<NodeMemory> read_node_memory(const FileTree& tree, const CpuSet& allowed, const Meminfo& machine) {
  if (allowed.empty()) return std::nullopt;
  const auto nodes = read_nodes_with_memory(tree);
  if (!nodes) return std::nullopt;
  const CpuSet usable = nodes->intersection(allowed);
  if (usable.empty() || usable.count() == nodes->count()) return std::nullopt;

  NodeMemory memory;
  std::string text;
  for (uint32_t node = usable.next(0); node < kMaxCpus; node = usable.next(node + 1)) {
    const std::string file = std::string(kNodes) + "/node" + std::to_string(node) + "/meminfo";
    if (!tree.read_value(file, &text)) return std::nullopt;
    const Meminfo info = parse_meminfo(text);
    if (!info.total || !info.free) return std::nullopt;
    memory.total += *info.total;
    memory.available += *info.free + info.file_pages + info.slab_reclaimable;
    memory.source = usable.count() == 1 ? file : kNodes;
  }
  if (machine.total && *machine.total > 0) {
    // A node has no MemAvailable; its share of the reserves goes by its size.
    const double share = static_cast<double>(memory.total) / static_cast<double>(*machine.total);
    const double reserve = share * static_cast<double>(kernel_reserve(machine));
    memory.available = subtract_to_zero(memory.available, static_cast<uint64_t>(reserve));
  }
  return memory;
}

}  // namespace amorsize::os
