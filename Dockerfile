# Two stages: the first has a compiler and builds the wheel's pump and page, the second runs it.
FROM python:3.13-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
COPY . /src
WORKDIR /src
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r requirements.txt

FROM python:3.13-slim-bookworm
# curl for the health check of docker-compose.yml, tini to reap what scripts leave.
RUN apt-get update && apt-get install -y --no-install-recommends curl tini \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /venv /venv
WORKDIR /app
ENV PATH=/venv/bin:$PATH STEPFLOW_HOST=0.0.0.0 STEPFLOW_STORAGE_PATH=/app/storage
EXPOSE 8080 8765
ENTRYPOINT ["tini", "--"]
CMD ["stepflow", "serve"]
