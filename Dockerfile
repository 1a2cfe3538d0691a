# Two images from one file, each for `serve` and, with a queue in Redis, for `worker`:
#   docker build --target cpu .    the server with the students that ship, on OpenVINO. Small, no torch. The default.
#   docker build --target gpu .    the same for a machine with an NVIDIA card: with TensorRT-RTX, or what EXTRAS names.
ARG PYTHON=3.12-slim-bookworm
# of the gpu image: tensorrt-rtx for RTX cards, torch for the cards of data centres; docs/operating.md has the table
ARG EXTRAS=tensorrt-rtx

FROM python:${PYTHON} AS source
WORKDIR /src
COPY pyproject.toml README.md ./
COPY server server
COPY engines engines
COPY clients clients
COPY wire wire

FROM source AS build-cpu
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir ".[redis]"

# The libraries of CUDA come with the wheels, and the driver from the host through NVIDIA's container toolkit: so the
# base is the same. With a TensorRT the painter is built here for the architectures of GPUS (sm86,sm89 or
# ampere+), without a GPU; where GPUS is empty, or TensorRT is the one that needs the GPU to build, the server builds it
# at its first start. EXTRAS=tensorrt-rtx,build also exports Stable Diffusion's students; EXTRAS=torch builds nothing
# ahead, and is run with ALLAPRIMA_ENGINE=torch.
FROM source AS build-gpu
ARG EXTRAS
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir ".[redis,${EXTRAS}]"
ARG GPUS=ampere+
RUN mkdir /opt/allaprima && \
    case "${EXTRAS}" in *tensorrt-rtx*) gpus="${GPUS}" ;; *) gpus="" ;; esac && \
    if [ -n "${gpus}" ]; then /venv/bin/allaprima build painter --engine tensorrt --gpu "${gpus}" --cache /opt/allaprima; fi

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
ARG EXTRAS
# torch compiles kernels when it first runs them: Triton, which does that, wants a C compiler for what launches them
USER 0
# hadolint ignore=DL3008
RUN case ",${EXTRAS}," in *,torch,*|*,build,*) \
        apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/* ;; \
    esac
USER 10001
COPY --from=build-gpu /venv /venv
# not in the cache, which is a volume: one of an older image would hide what this one brings
COPY --from=build-gpu /opt/allaprima /opt/allaprima
ENV ALLAPRIMA_ENGINE=tensorrt \
    ALLAPRIMA_DEVICE=cuda \
    ALLAPRIMA_PREBUILT=/opt/allaprima

# last, and so the default
FROM base AS cpu
COPY --from=build-cpu /venv /venv
