# Scores pictures with an exported detector on a CPU: ONNX Runtime, no PyTorch, not root.
#
#   unseen export efficientnet_lite0 --onnx exported
#   docker build -t unseen .
#   docker run --rm --network none -v "$PWD/exported:/detector:ro" -v "$PWD/photos:/photos:ro" unseen predict --backend onnx --detector /detector /photos
FROM python:3.12-slim AS build
WORKDIR /project
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
COPY constraints.txt docker/serving.txt /tmp/
RUN --mount=from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /tmp/constraints.txt --requirement /tmp/serving.txt \
    && pip install --no-cache-dir --no-deps /wheels/*.whl \
    && useradd --create-home --uid 10001 unseen
USER 10001
WORKDIR /home/unseen
ENTRYPOINT ["unseen"]
CMD ["--help"]
