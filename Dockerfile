# Two images from one file:
#   docker build --target cpu .    the server with the embedded student on OpenVINO. Small, no torch. The default.
#   docker build --target gpu .    the same with TensorRT-RTX, for a machine with an NVIDIA card from Ampere on.
ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS source
WORKDIR /src
COPY pyproject.toml README.md ./
COPY server server
COPY engines engines
COPY clients clients
COPY wire wire

FROM source AS build-cpu
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir .

# The libraries of CUDA come with the wheels, and the driver from the host through NVIDIA's container toolkit: so the
# base is the same. The embedded student is built here for the architectures of GPUS (sm86,sm89 or ampere+), without a
# GPU; where GPUS is empty, the server builds it at its first start. For a card that TensorRT-RTX does not name (H100):
#   --build-arg EXTRAS=tensorrt --build-arg GPUS=
# EXTRAS=tensorrt-rtx,build also exports Stable Diffusion's students; EXTRAS=torch is for ALLAPRIMA_ENGINE=torch.
FROM source AS build-gpu
ARG EXTRAS=tensorrt-rtx
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir ".[${EXTRAS}]"
ARG GPUS=ampere+
RUN mkdir /opt/allaprima && \
    if [ -n "${GPUS}" ]; then /venv/bin/allaprima build embedded --backend tensorrt --gpu "${GPUS}" --cache /opt/allaprima; fi

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
# not in the cache, which is a volume: one of an older image would hide what this one brings
COPY --from=build-gpu /opt/allaprima /opt/allaprima
ENV ALLAPRIMA_ENGINE=tensorrt \
    ALLAPRIMA_PREBUILT=/opt/allaprima

# last, and so the default
FROM base AS cpu
COPY --from=build-cpu /venv /venv
