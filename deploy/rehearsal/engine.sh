# Functions that run a Docker Engine in a network namespace of its own, with its files in the folder $WORK. The engine
# comes from packages of Debian 13, which are only unpacked, and not installed. Other tools come from the machine's own
# Debian. Because of the network namespace, the engine takes no port of the machine, and changes no firewall rule of it.

namespace=rehearsal-$(cksum <<<"$WORK" | cut -d " " -f 1)

# Runs a command in the network of the engine.
inside() { nsenter --net="/run/netns/$namespace" "$@"; }

# The address of the Debian mirror that this machine uses.
debian_mirror() {
  grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null |
    grep -v /archive/ | head -n 1 | tr -d ' '
}

install_engine() {
  if ! { command -v slirp4netns && command -v runc && command -v debootstrap && command -v iptables && command -v ip; } >/dev/null; then
    apt-get update -q
    apt-get install -yq --no-install-recommends runc slirp4netns debootstrap iptables iproute2 ca-certificates
  fi
  [ -x "$WORK/engine/usr/sbin/dockerd" ] || unpack_engine
  mkdir -p "$DOCKER_CONFIG/cli-plugins"
  ln -sf "$WORK"/engine/usr/libexec/docker/cli-plugins/* "$DOCKER_CONFIG/cli-plugins/"
}

unpack_engine() {
  local apt=$WORK/apt package
  mkdir -p "$apt"/{lists/partial,cache/archives/partial}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) trixie main" >"$apt/sources.list"
  local options=(
    -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root
  )
  cd "$apt" || return
  apt-get -q "${options[@]}" update
  apt-get -q "${options[@]}" download docker.io docker-cli docker-compose docker-buildx containerd || return
  for package in *.deb; do dpkg-deb -x "$package" "$WORK/engine"; done
  rm -f "$WORK/engine/usr/sbin/runc" # the runc of the machine's Debian fits the C library of the machine
}

start_network() {
  [ -e "/run/netns/$namespace" ] || ip netns add "$namespace"
  inside ip link set lo up
  inside sysctl -qw net.ipv4.ip_forward=1
  is_running slirp && return
  slirp4netns --configure --mtu=1400 --disable-host-loopback --netns-type=path "/run/netns/$namespace" tap0 \
    >"$WORK/run/slirp.log" 2>&1 &
  echo $! >"$WORK/run/slirp.pid"
}

start_engine() {
  is_running dockerd && return
  rm -f "$WORK/run/dockerd.pid"
  inside dockerd --host "$DOCKER_HOST" --data-root "$WORK/data" --exec-root "$WORK/exec" \
    --pidfile "$WORK/run/dockerd.pid" >"$WORK/run/dockerd.log" 2>&1 &
  for _ in $(seq 120); do
    docker info >/dev/null 2>&1 && return
    sleep 0.5
  done
  tail -n 5 "$WORK/run/dockerd.log"
  return 1
}

is_running() {
  local pid
  pid=$(cat "$WORK/run/$1.pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null
}

stop_engine() {
  local name
  for name in dockerd slirp; do
    is_running "$name" || continue
    kill "$(cat "$WORK/run/$name.pid")"
    for _ in $(seq 120); do
      is_running "$name" || break
      sleep 0.5
    done
  done
  ip netns del "$namespace" 2>/dev/null
}
