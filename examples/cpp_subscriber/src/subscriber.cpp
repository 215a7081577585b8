// Prints what a scene-graph node sees: objects with their ids and places, and who stands how to whom.
//
//   ros2 run sim2sg_cpp_subscriber subscriber --ros-args -p node:=/sim2sg -p camera:=front
//
// `node` is the full name of the scene-graph node, `camera` one of its cameras, where it has several.

#include <cstddef>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "rclcpp/rclcpp.hpp"
#include "sim2sg/msg/graph_info.hpp"
#include "sim2sg/msg/scene_graph.hpp"
#include "sim2sg_cpp_subscriber/describe.hpp"

class Subscriber : public rclcpp::Node
{
public:
  Subscriber()
  : Node("scene_graph_subscriber")
  {
    const auto node = declare_parameter<std::string>("node", "/sim2sg");
    const auto camera = declare_parameter<std::string>("camera", "");
    // The node keeps the last GraphInfo for who joins late; only this pair of policies asks for it.
    const auto latched = rclcpp::QoS(1).reliable().transient_local();
    info_ = create_subscription<sim2sg::msg::GraphInfo>(
      node + "/graph_info", latched, [this](sim2sg::msg::GraphInfo::ConstSharedPtr info) {on_info(*info);});
    // The newest graph is the one to act on, so no queue. Best effort fits the node's reliable publisher too.
    const auto newest = rclcpp::QoS(1).best_effort();
    graphs_ = create_subscription<sim2sg::msg::SceneGraph>(
      node + (camera.empty() ? "" : "/" + camera) + "/scene_graph", newest,
      [this](sim2sg::msg::SceneGraph::ConstSharedPtr graph) {on_graph(*graph);});
  }

private:
  // Comes at once, and again whenever the model or a threshold changes.
  void on_info(const sim2sg::msg::GraphInfo & info)
  {
    inverses_.clear();
    for (std::size_t i = 0; i < info.predicates.size(); ++i) {
      inverses_[info.predicates[i]] = info.inverses[i];
    }
    std::string classes;
    for (const auto & name : info.class_names) {
      classes += (classes.empty() ? "" : ", ") + name;
    }
    std::printf("model %s knows %s\n", info.model_id.c_str(), classes.c_str());
    std::fflush(stdout);
  }

  // Comes for every image, also for one in which nothing was found.
  void on_graph(const sim2sg::msg::SceneGraph & graph)
  {
    for (const auto & line : sim2sg_cpp_subscriber::describe(graph, inverses_, known_)) {
      std::puts(line.c_str());
    }
    std::fflush(stdout);
    known_ = sim2sg_cpp_subscriber::ids(graph);
  }

  std::map<std::string, std::string> inverses_;
  std::set<std::string> known_;
  rclcpp::Subscription<sim2sg::msg::GraphInfo>::SharedPtr info_;
  rclcpp::Subscription<sim2sg::msg::SceneGraph>::SharedPtr graphs_;
};

int main(int argc, char ** argv)
{
  rclcpp::init(argc, argv);
  rclcpp::spin(std::make_shared<Subscriber>());
  rclcpp::shutdown();
  return 0;
}
