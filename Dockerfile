# syntax=docker/dockerfile:1
# Targets: `monitor` (the service, default) and `sample` (generated logs, produced with kcat).

FROM rust:1.95-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends libssl-dev pkg-config zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin nhi-monitor \
 && cp target/release/nhi-monitor /usr/local/bin/nhi-monitor

FROM debian:bookworm-slim AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libssl3 zlib1g \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/nhi-monitor /usr/local/bin/nhi-monitor

FROM base AS sample
RUN apt-get update \
 && apt-get install -y --no-install-recommends kcat \
 && rm -rf /var/lib/apt/lists/*
COPY --chmod=0755 deploy/sample.sh /usr/local/bin/sample
USER 65532:65532
ENTRYPOINT ["sample"]

FROM base AS monitor
# Nothing is written: state lives in Kafka.
USER 65532:65532
EXPOSE 9464
# Alive, not ready: a process that restores its state must not be restarted for it. The image has no curl; bash opens the socket.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9464 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r -t 4 _ code _ <&3 && test \"$code\" = 200"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["nhi-monitor"]
CMD ["run", "-c", "/etc/nhi-monitor/config.toml"]
