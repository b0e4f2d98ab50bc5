# One image for all processes. The command of a container selects the process: dist/worker/main.js,
# dist/service/main.js, dist/cli/main.js, …
# The base image is not Alpine, because the native code of the Temporal SDK needs glibc. To pin the base image, add the
# digest that your registry shows: --build-arg NODE_IMAGE=node:24.21.0-bookworm-slim@sha256:…
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

# The first two stages run on the platform of the builder, and the last stage runs no command. So an image for another
# platform needs no emulation: docker build --platform linux/arm64 .
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
# The image runs neither the fault runs nor the screenshots.
RUN npm run build && find dist -name '*.map' -delete && rm -r dist/scripts/faults dist/scripts/screenshots

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS modules
ARG TARGETARCH
# The SDK's native code uses the certificates of the system, not those of Node. Without ca-certificates, TLS to Temporal
# fails.
RUN dpkg --add-architecture "$TARGETARCH" \
  && apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates \
  && apt-get install -y --no-install-recommends binutils-x86-64-linux-gnu binutils-aarch64-linux-gnu \
  && apt-get download "tini:$TARGETARCH" \
  && dpkg-deb -x tini_*.deb /tini
# Docker gives a new volume the owner and the mode of its mount point. So these folders belong to the user node.
RUN install -d -o node -g node -m 0700 /mounts/keys /mounts/data
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY deploy/image/modules.mjs deploy/image/
RUN node deploy/image/modules.mjs "$TARGETARCH"

FROM ${NODE_IMAGE}
COPY --from=modules /tini/usr/bin/tini /usr/bin/
COPY --from=modules /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=modules /mounts/ /
ENV NODE_ENV=production
WORKDIR /app
COPY --from=modules /app/package.json /app/sbom.cdx.json ./
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY deploy/healthcheck.mjs deploy/
COPY deploy/sandbox deploy/sandbox
# 1000 is the id of the user node. If the image had the name in place of the id, Kubernetes could not check
# `runAsNonRoot`.
USER 1000
EXPOSE 8080 8081
# This health check asks /readyz. If your orchestrator restarts unhealthy containers, let it ask /healthz of worker and
# service instead, because a restart does not help if Temporal is down.
HEALTHCHECK --interval=15s --timeout=10s --retries=4 --start-period=90s --start-interval=2s \
  CMD ["node", "deploy/healthcheck.mjs"]
# tini is process 1. If Node were process 1, it would ignore a stop signal that arrives before Node handles signals. tini
# replaces 143, the exit code after such an early signal, by 0. The command has no npm and no shell, so that Node itself
# gets the signal.
ENTRYPOINT ["tini", "-e", "143", "--"]
CMD ["node", "dist/worker/main.js"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
ARG NODE_IMAGE
LABEL org.opencontainers.image.title="cyclr-connect" \
  org.opencontainers.image.description="Authenticates Cyclr account connectors: worker, onboarding service, command line" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="$VERSION" \
  org.opencontainers.image.revision="$REVISION" \
  org.opencontainers.image.created="$CREATED" \
  org.opencontainers.image.base.name="$NODE_IMAGE"
