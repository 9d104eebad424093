# Two stages: the first has a compiler and builds the wheel's pump and page, the second runs it.
FROM python:3.13-slim-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY . /src
WORKDIR /src
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r requirements.txt \
    && /venv/bin/pip uninstall -y -q pip

FROM python:3.13-slim-bookworm
# curl for the health check of docker-compose.yml, tini to pass signals on and to reap what scripts
# leave, setpriv (in the base) to become the user below. Pinned versions would leave the archive.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends curl tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 1000 stepflow \
    && useradd --uid 1000 --gid 1000 --create-home stepflow \
    && install -d -o stepflow -g stepflow /app /app/storage /app/logs /app/backups
COPY --from=build /venv /venv
COPY deploy/container/entrypoint /usr/local/bin/stepflow-entrypoint
WORKDIR /app
ENV PATH=/venv/bin:$PATH HOME=/home/stepflow \
    STEPFLOW_HOST=0.0.0.0 STEPFLOW_STORAGE_PATH=/app/storage
# What is written, so that the root file system may be read-only.
VOLUME ["/app/storage", "/app/logs", "/app/backups"]
EXPOSE 8080 8765
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('STEPFLOW_PORT', '8080') + '/api/health', timeout=5)"]
# It begins as root only to hand folders over, and leaves root before the server starts.
ENTRYPOINT ["tini", "--", "stepflow-entrypoint"]
# As a module, so that `pgrep python` finds it, as the deployment guide looks for it.
CMD ["python", "-m", "stepflow", "serve"]
