// Prints a serialised SceneGraph, as it goes over the wire and into bags: describe_file FILE [ID]...
// with ID the ids known from the graph before. The inverse of left_of is right_of, of others there is none.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "rcutils/allocator.h"
#include "rmw/rmw.h"
#include "rmw/serialized_message.h"
#include "rosidl_typesupport_cpp/message_type_support.hpp"
#include "sim2sg/msg/scene_graph.hpp"
#include "sim2sg_cpp_subscriber/describe.hpp"

int main(int argc, char ** argv)
{
  if (argc < 2) {
    std::fprintf(stderr, "usage: describe_file FILE [ID]...\n");
    return 2;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto allocator = rcutils_get_default_allocator();
  auto serialized = rmw_get_zero_initialized_serialized_message();
  if (bytes.empty() || rmw_serialized_message_init(&serialized, bytes.size(), &allocator) != RMW_RET_OK) {
    std::fprintf(stderr, "%s: cannot be read\n", argv[1]);
    return 1;
  }
  std::memcpy(serialized.buffer, bytes.data(), bytes.size());
  serialized.buffer_length = bytes.size();
  sim2sg::msg::SceneGraph graph;
  const auto * type = rosidl_typesupport_cpp::get_message_type_support_handle<sim2sg::msg::SceneGraph>();
  const auto status = rmw_deserialize(&serialized, type, &graph);
  (void)rmw_serialized_message_fini(&serialized);
  if (status != RMW_RET_OK) {
    std::fprintf(stderr, "%s: is no SceneGraph\n", argv[1]);
    return 1;
  }
  const std::set<std::string> known(argv + 2, argv + argc);
  for (const auto & line : sim2sg_cpp_subscriber::describe(graph, {{"left_of", "right_of"}}, known)) {
    std::puts(line.c_str());
  }
  return 0;
}
