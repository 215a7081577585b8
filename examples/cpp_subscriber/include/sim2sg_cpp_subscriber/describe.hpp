// A scene graph as lines to read. Needs the messages only, no rclcpp.
#pragma once

#include <cstddef>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim2sg/msg/scene_graph.hpp"

namespace sim2sg_cpp_subscriber
{

/// Formats like printf.
template<typename ... Values>
std::string format(const char * pattern, Values... values)
{
  const int length = std::snprintf(nullptr, 0, pattern, values ...);
  std::string result(static_cast<std::size_t>(length) + 1, '\0');
  std::snprintf(result.data(), result.size(), pattern, values ...);
  result.pop_back();
  return result;
}

/// Names an object by its id (`cube_3`), the same from image to image; without tracking by class and index.
inline std::string name(const sim2sg::msg::SceneObject & item, std::size_t index)
{
  return item.id.empty() ? item.class_name + "_" + std::to_string(index) : item.id;
}

/// The ids of a graph's objects; none without tracking.
inline std::set<std::string> ids(const sim2sg::msg::SceneGraph & graph)
{
  std::set<std::string> result;
  for (const auto & item : graph.objects) {
    if (!item.id.empty()) {
      result.insert(item.id);
    }
  }
  return result;
}

/// Returns a graph as lines to read.
///
/// inverses: name of each predicate's inverse, from GraphInfo; inverses are not sent as relations.
/// known: ids of the objects of the graph before.
inline std::vector<std::string> describe(
  const sim2sg::msg::SceneGraph & graph, const std::map<std::string, std::string> & inverses,
  const std::set<std::string> & known)
{
  std::vector<std::string> lines;
  lines.push_back(
    "graph " + std::to_string(graph.sequence) + ": " + std::to_string(graph.objects.size()) + " objects, " +
    std::to_string(graph.relations.size()) + " relations");
  for (std::size_t i = 0; i < graph.objects.size(); ++i) {
    const auto & item = graph.objects[i];
    auto line = "  " + name(item, i) + format(" (%.2f)", item.score);
    // Without a calibration of the camera there are boxes only, and pose and size mean nothing.
    if (item.has_pose) {
      const auto & at = item.pose.pose.position;
      line += format(" at (%.2f, %.2f, %.2f) m in ", at.x, at.y, at.z) + graph.header.frame_id;
    } else {
      line += format(" in the box (%.0f, %.0f, %.0f, %.0f)", item.x1, item.y1, item.x2, item.y2);
    }
    lines.push_back(line + (!item.id.empty() && known.count(item.id) == 0 ? " new" : ""));
  }
  const auto present = ids(graph);
  for (const auto & id : known) {
    if (present.count(id) == 0) {
      lines.push_back("  " + id + " gone");
    }
  }
  for (const auto & relation : graph.relations) {
    // Indices are always valid and never equal.
    const auto subject = name(graph.objects[relation.subject], relation.subject);
    const auto object = name(graph.objects[relation.object], relation.object);
    auto line = "  " + subject + " " + relation.predicate + " " + object + format(" (%.2f)", relation.score);
    const auto inverse = inverses.find(relation.predicate);
    if (inverse != inverses.end() && !inverse->second.empty()) {
      line += ", so " + object + " " + inverse->second + " " + subject;
    }
    lines.push_back(line);
  }
  return lines;
}

}  // namespace sim2sg_cpp_subscriber
