# Two images from one file:
#   docker build --target cpu .    the server with the embedded student on OpenVINO. Small, no torch. The default.
#   docker build --target gpu .    the same with the extras named by EXTRAS, for a machine with an NVIDIA card.
ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS source
WORKDIR /src
COPY pyproject.toml README.md ./
COPY server server
COPY engines engines
COPY clients clients

FROM source AS build-cpu
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir .

# The libraries of CUDA come with the wheels, and the driver from the host through NVIDIA's container toolkit: so the
# base is the same. Today EXTRAS can be torch. Its CUDA path is written and has not been run on a card, and it paints on
# the processor until the server has a setting for the device. What is to come: a TensorRT engine as an extra of its
# own, whose engines a RUN here builds ahead of time, for the compute capabilities of a build argument.
FROM source AS build-gpu
ARG EXTRAS=torch
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir ".[${EXTRAS}]"

FROM python:${PYTHON} AS base
# a number, so that Kubernetes can see that it is not root
RUN useradd --create-home --uid 10001 painter && install --directory --owner painter /home/painter/.cache/allaprima
USER 10001
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ALLAPRIMA_HOST=0.0.0.0 \
    ALLAPRIMA_PORT=8000 \
    ALLAPRIMA_CACHE=/home/painter/.cache/allaprima
VOLUME /home/painter/.cache/allaprima
EXPOSE 8000
# the first start compiles the student's graphs
HEALTHCHECK --start-period=60s --interval=10s --timeout=5s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['ALLAPRIMA_PORT'] + '/readyz', timeout=4)"]
ENTRYPOINT ["allaprima"]
CMD ["serve"]

FROM base AS gpu
COPY --from=build-gpu /venv /venv
ENV ALLAPRIMA_ENGINE=torch

# last, and so the default
FROM base AS cpu
COPY --from=build-cpu /venv /venv
