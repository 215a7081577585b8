# The node on ROS 2 Jazzy (Ubuntu 24.04, x86-64 and arm64). From the root of the repository:
#   docker build -f docker/jazzy.Dockerfile -t sim2sg:jazzy .
#   docker run --rm --network host --ipc host -v /models:/models sim2sg:jazzy \
#     ros2 launch sim2sg sim2sg.launch.py model:=/models/street.onnx image:=/camera/image_raw
#
# For a GPU, x86-64: build with `--build-arg ONNXRUNTIME=onnxruntime-gpu --build-arg BASE=…` and run with `--gpus all`.
# BASE is an image with CUDA, cuDNN and, installed on top as in ros:jazzy-perception, ROS with its /ros_entrypoint.sh.
ARG BASE=ros:jazzy-perception
FROM ${BASE}

ARG ONNXRUNTIME=onnxruntime

WORKDIR /ws
COPY . src/sim2sg
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-pip \
    && rosdep update --rosdistro jazzy \
    && rosdep install --from-paths src/sim2sg --ignore-src -y --rosdistro jazzy \
    && rm -rf /var/lib/apt/lists/*
# The system's Python is externally managed (PEP 668); the image is the node's alone. numpy stays the system's, which
# cv_bridge is built for.
# Ubuntu's copy of typing_extensions, which rclpy brings, is too old for pydantic, and pip cannot uninstall it.
RUN pip install --no-cache-dir --break-system-packages --ignore-installed "typing_extensions>=4.12" \
    && pip install --no-cache-dir --break-system-packages ${ONNXRUNTIME} "pydantic>=2.10" rosbags "numpy<2"
RUN . /opt/ros/jazzy/setup.sh && colcon build --packages-select sim2sg
# An entry point that sources the workspace too, for every command.
RUN sed -i 's|^exec |. /ws/install/setup.bash --\nexec |' /ros_entrypoint.sh
CMD ["ros2", "launch", "sim2sg", "sim2sg.launch.py"]
