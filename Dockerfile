# One image for all processes. The command selects one: dist/worker/main.js, dist/service/main.js, dist/cli/main.js, …
# Not Alpine: the native code of the Temporal SDK needs glibc.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM ${NODE_IMAGE}
# The SDK's native code uses the certificates of the system, not those of Node: without them, TLS to Temporal fails.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY deploy deploy
# A new volume gets the owner and the mode of its mount point.
RUN install -d -o node -g node -m 0700 /keys /data
# The id of the user node: with a name, Kubernetes can't check `runAsNonRoot`.
USER 1000
EXPOSE 8080 8081
# /readyz, because Docker restarts no unhealthy container, and other services wait for a worker that gets tasks. An
# orchestrator that restarts unhealthy containers should use /healthz: a restart does not help if Temporal is down.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "deploy/healthcheck.mjs", "http://127.0.0.1:8081/readyz"]
# Without npm or a shell, so that Node itself gets the stop signal.
CMD ["node", "dist/worker/main.js"]
