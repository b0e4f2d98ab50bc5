# One image for every process of ours; the command says which: dist/worker/main.js, dist/cli/main.js, …
# Not Alpine: the Temporal SDK's native part wants glibc.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM ${NODE_IMAGE}
# The native part reads the system's certificates, not Node's: without them it reaches no Temporal by TLS.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY deploy deploy
# A new volume takes its owner and mode from the folder that it is mounted on.
RUN install -d -o node -g node -m 0700 /keys /data
# node, by its number: Kubernetes can't tell of a name whether it is root.
USER 1000
EXPOSE 8080 8081
# Ready, not only alive: Docker restarts nothing for it, and who waits for a healthy worker wants one that gets tasks.
# What restarts the unhealthy should ask /healthz: cut off from Temporal, a new worker is no better than the old one.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "deploy/healthcheck.mjs", "http://127.0.0.1:8081/readyz"]
# Node itself, so that a stop signal arrives.
CMD ["node", "dist/worker/main.js"]
