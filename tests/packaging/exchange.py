"""One side of an exchange of a SceneGraph between two processes: `exchange.py publish|receive`.

Prints where the messages come from; the receiver then prints what it got, as JSON.
"""

import json
import sys
import time

import rclpy
import rclpy.node
import sim2sg
from geometry_msgs.msg import Vector3
from sim2sg.msg import SceneGraph, SceneObject, SceneRelation

TIMEOUT_S = 60.0


def example() -> SceneGraph:
    message = SceneGraph(sequence=2**40 + 7, model_id="test-model", image_width=640, image_height=480)
    message.header.frame_id = "camera_optical"
    message.header.stamp.sec = 12
    message.header.stamp.nanosec = 345
    message.objects = [
        SceneObject(class_name="cube", score=0.9, x1=1.5, y1=2.5, x2=30.25, y2=40.75, has_pose=True),
        SceneObject(class_name="sphere", score=0.8, x1=50.0, y1=2.0, x2=80.0, y2=40.0),
    ]
    message.objects[0].size = Vector3(x=1.0, y=2.0, z=3.0)
    message.relations = [SceneRelation(subject=0, object=1, predicate="left_of", score=0.7, frame=SceneRelation.VIEWER)]
    return message


def publish(node: rclpy.node.Node) -> int:
    publisher = node.create_publisher(SceneGraph, "scene_graph", 10)
    deadline = time.monotonic() + TIMEOUT_S
    while publisher.get_subscription_count() == 0:
        if time.monotonic() > deadline:
            return 1
        rclpy.spin_once(node, timeout_sec=0.05)
    publisher.publish(example())
    # Stay until the receiver has left: it has the message then.
    while publisher.get_subscription_count() and time.monotonic() < deadline:
        rclpy.spin_once(node, timeout_sec=0.05)
    return 0


def receive(node: rclpy.node.Node) -> int:
    received: list[SceneGraph] = []
    node.create_subscription(SceneGraph, "scene_graph", received.append, 10)
    deadline = time.monotonic() + TIMEOUT_S
    while not received and time.monotonic() < deadline:
        rclpy.spin_once(node, timeout_sec=0.05)
    for message in received[:1]:
        first, relation = message.objects[0], message.relations[0]
        record = {
            "sequence": message.sequence,
            "frame_id": message.header.frame_id,
            "stamp": [message.header.stamp.sec, message.header.stamp.nanosec],
            "classes": [o.class_name for o in message.objects],
            "box": [first.x1, first.y1, first.x2, first.y2],
            "size": [first.size.x, first.size.y, first.size.z],
            "has_pose": [o.has_pose for o in message.objects],
            "relation": [relation.subject, relation.predicate, relation.object, relation.frame],
        }
        print(json.dumps(record))
    return 0 if received else 1


def main() -> int:
    print(sim2sg.__file__, flush=True)
    rclpy.init()
    node = rclpy.create_node(f"exchange_{sys.argv[1]}")
    try:
        return {"publish": publish, "receive": receive}[sys.argv[1]](node)
    finally:
        node.destroy_node()
        rclpy.shutdown()


if __name__ == "__main__":
    sys.exit(main())
