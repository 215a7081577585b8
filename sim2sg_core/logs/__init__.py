"""Camera logs: ROS bags of every kind and image folders, read frame by frame. No ROS needed."""

from sim2sg_core.logs.calibration_files import load_calibration
from sim2sg_core.logs.camera_calibration import resolve_camera
from sim2sg_core.logs.camera_log import Log, LogFrame, RawMessage, TopicInfo
from sim2sg_core.logs.decoded import decoded
from sim2sg_core.logs.extraction import extract
from sim2sg_core.logs.log_depth import LogDepth
from sim2sg_core.logs.names import frame_name
from sim2sg_core.logs.opening import listed_logs, open_log, open_logs
from sim2sg_core.logs.sampling import sample_frames, select_frames

__all__ = [
    "Log",
    "LogDepth",
    "LogFrame",
    "RawMessage",
    "TopicInfo",
    "decoded",
    "extract",
    "frame_name",
    "listed_logs",
    "load_calibration",
    "open_log",
    "open_logs",
    "resolve_camera",
    "sample_frames",
    "select_frames",
]
