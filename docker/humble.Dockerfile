# The node on ROS 2 Humble (Ubuntu 22.04, x86-64 and arm64). From the root of the repository:
#   docker build -f docker/humble.Dockerfile -t sim2sg:humble .
#   docker run --rm --network host --ipc host -v /models:/models sim2sg:humble \
#     ros2 launch sim2sg sim2sg.launch.py model:=/models/street.onnx image:=/camera/image_raw
#
# For a GPU, x86-64: build with `--build-arg ONNXRUNTIME=onnxruntime-gpu --build-arg BASE=…` and run with `--gpus all`.
# BASE is an image with CUDA, cuDNN and, installed on top as in ros:humble-perception, ROS with its /ros_entrypoint.sh.
ARG BASE=ros:humble-perception
FROM ${BASE}

ARG ONNXRUNTIME=onnxruntime

WORKDIR /ws
COPY . src/sim2sg
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-pip \
    && rosdep update --rosdistro humble \
    && rosdep install --from-paths src/sim2sg --ignore-src -y --rosdistro humble \
    && rm -rf /var/lib/apt/lists/*
# numpy 1: what Humble's cv_bridge is built for.
RUN pip install --no-cache-dir ${ONNXRUNTIME} "pydantic>=2.10" rosbags "numpy<2"
RUN . /opt/ros/humble/setup.sh && colcon build --packages-select sim2sg
# An entry point that sources the workspace too, for every command.
RUN sed -i 's|^exec |. /ws/install/setup.bash --\nexec |' /ros_entrypoint.sh
CMD ["ros2", "launch", "sim2sg", "sim2sg.launch.py"]
