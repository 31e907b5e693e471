# The whole pipeline on a GPU: the packages of constraints.txt, with the CUDA build of PyTorch, not root.
#
#   docker build -t unseen-train -f docker/train.Dockerfile .
#   docker run --rm --gpus all --shm-size 8g -v "$PWD:/project" --user "$(id -u):$(id -g)" unseen-train repro
FROM python:3.12-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --no-install-recommends --yes git \
    && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml README.md LICENSE constraints.txt /tmp/unseen/
COPY src /tmp/unseen/src
RUN pip install --no-cache-dir --constraint /tmp/unseen/constraints.txt "/tmp/unseen[diffusion,lora,onnx]" \
    && useradd --create-home --uid 10001 unseen
# The mounted checkout belongs to another user than the image's.
RUN git config --system --add safe.directory /project
ENV HOME=/tmp
USER 10001
WORKDIR /project
ENTRYPOINT ["dvc"]
CMD ["repro"]
