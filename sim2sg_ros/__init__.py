"""The ROS 2 side: the live node, the bag player, and what turns messages into plain data and back.

Importing this package imports no ROS; its modules do.
"""
