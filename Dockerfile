# A small CPU image: the server, the embedded student, no torch.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY server server
COPY engines engines
COPY clients clients
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir .

FROM python:3.12-slim
RUN useradd --create-home painter
COPY --from=build /venv /venv
USER painter
ENV ALLAPRIMA_HOST=0.0.0.0 ALLAPRIMA_PORT=8000 ALLAPRIMA_CACHE=/home/painter/.cache/allaprima
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["/venv/bin/python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz')"]
CMD ["/venv/bin/allaprima", "serve"]
