#!/usr/bin/env bash
# A real Apache Kafka (KRaft) on free loopback ports, for the tests.
#
#   kafka.sh start DIR [NODES]   start 1 (default) or 3 nodes with their data in DIR; prints the bootstrap servers
#   kafka.sh start-acl DIR       start 1 node that also listens with SASL/PLAIN and ACLs (DIR/bootstrap-acl; the password of
#                                every user is its name); who comes without SASL may do everything
#   kafka.sh acls DIR ARG...     run the ACL tool
#   kafka.sh stop DIR            stop all nodes of DIR
#   kafka.sh kill DIR NODE       SIGKILL one node
#   kafka.sh revive DIR NODE     start a stopped node again
#   kafka.sh pause DIR NODE      SIGSTOP one node
#   kafka.sh resume DIR NODE     SIGCONT one node
#   kafka.sh fetch               only download the jars
#
# DIR/bootstrap holds the bootstrap servers, DIR/NODE/pid the process, DIR/NODE/log its output.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
jars=$here/target/dependency
readonly here jars
# A node is up after 3 to 6 seconds on two cores; a loaded machine may take several times that.
readonly ready_seconds=90
readonly stop_seconds=20

fail() {
  echo "kafka.sh: $*" >&2
  exit 1
}

fetch() {
  [[ -e $jars/.complete ]] && return
  command -v mvn >/dev/null || fail "mvn is missing (apt-get install maven)"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime >&2
  touch "$jars/.complete"
}

java_class() {
  # The heap is small since the data is; the serial collector since the cores are few.
  exec java -Xms256m -Xmx"${KAFKA_HEAP:-640m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Dlog4j2.configurationFile="$here/log4j2.properties" -cp "$jars/*" "$@"
}

free_ports() {
  python3 - "$1" <<'PY'
import random, socket, sys
# Below those that the system hands out by itself: the nodes take theirs seconds later, and again when they are revived.
held = []
while len(held) < int(sys.argv[1]):
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", random.randrange(15000, 32000)))
        held.append(s)
    except OSError:
        s.close()
print(" ".join(str(s.getsockname()[1]) for s in held))
PY
}

is_alive() {
  [[ -s $1/pid ]] && kill -0 "$(<"$1/pid")" 2>/dev/null
}

launch() {
  local node=$1
  (java_class kafka.Kafka "$node/server.properties") >>"$node/log" 2>&1 </dev/null &
  echo $! >"$node/pid"
  disown
}

# Whether the node answers a request for metadata, and all nodes are in it.
answers() {
  java_class org.apache.kafka.tools.BrokerApiVersionsCommand --bootstrap-server "$1" 2>/dev/null |
    grep -c '(id: ' || true
}

await_port() {
  local node=$1 port=$2 deadline=$((SECONDS + ready_seconds))
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    is_alive "$node" || fail "node ended at start: $(tail -n 5 "$node/log")"
    ((SECONDS < deadline)) || fail "node did not open port $port within $ready_seconds s: $(tail -n 5 "$node/log")"
    sleep 0.2
  done
}

await_cluster() {
  local bootstrap=$1 nodes=$2 deadline=$((SECONDS + ready_seconds))
  until [[ $(answers "$bootstrap") -ge $nodes ]]; do
    ((SECONDS < deadline)) || fail "the cluster was not complete within $ready_seconds s"
    sleep 0.5
  done
}

write_properties() {
  local node=$1 id=$2 port=$3 controller=$4 voters=$5 count=$6
  local replication=1 min_insync=1
  if ((count >= 3)); then
    replication=3 min_insync=2
  fi
  mkdir -p "$node"
  sed -e "s|@node@|$id|" -e "s|@voters@|$voters|" -e "s|@port@|$port|" -e "s|@controller@|$controller|" \
    -e "s|@data@|$node/data|" -e "s|@replication@|$replication|" -e "s|@min_insync@|$min_insync|" \
    "$here/server.properties.in" >"$node/server.properties"
}

# add_acls NODE PORT CONTROLLER CLIENTS USER...: what comes last in a properties file is what counts.
add_acls() {
  local node=$1 port=$2 controller=$3 clients=$4 users='' user
  shift 4
  for user in "$@"; do
    users+=" user_$user=\"$user\""
  done
  cat >>"$node/server.properties" <<PROPERTIES
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller,CLIENTS://127.0.0.1:$clients
advertised.listeners=PLAINTEXT://127.0.0.1:$port,CLIENTS://127.0.0.1:$clients
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENTS:SASL_PLAINTEXT
listener.name.clients.sasl.enabled.mechanisms=PLAIN
listener.name.clients.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required$users;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
PROPERTIES
}

start() {
  local dir=$1 count=${2:-1} voters='' bootstrap='' id
  [[ -e $dir/bootstrap ]] && fail "$dir is in use"
  fetch
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  local -a ports
  read -ra ports <<<"$(free_ports $((2 * count + 1)))"
  for ((id = 1; id <= count; id++)); do
    voters+="${voters:+,}$id@127.0.0.1:${ports[2 * id - 1]}"
    bootstrap+="${bootstrap:+,}127.0.0.1:${ports[2 * id - 2]}"
  done
  local cluster
  cluster=$(random_uuid)
  for ((id = 1; id <= count; id++)); do
    write_properties "$dir/$id" "$id" "${ports[2 * id - 2]}" "${ports[2 * id - 1]}" "$voters" "$count"
    if [[ -n ${acl_users:-} ]]; then
      # shellcheck disable=SC2086
      add_acls "$dir/$id" "${ports[2 * id - 2]}" "${ports[2 * id - 1]}" "${ports[2 * count]}" $acl_users
      echo "127.0.0.1:${ports[2 * count]}" >"$dir/bootstrap-acl"
    fi
    (java_class kafka.tools.StorageTool format --cluster-id="$cluster" -c "$dir/$id/server.properties") >"$dir/$id/format.log" 2>&1 ||
      fail "storage could not be formatted: $(tail -n 5 "$dir/$id/format.log")"
    launch "$dir/$id"
  done
  for ((id = 1; id <= count; id++)); do
    await_port "$dir/$id" "${ports[2 * id - 2]}"
  done
  await_cluster "$bootstrap" "$count"
  echo "$bootstrap" | tee "$dir/bootstrap"
}

random_uuid() {
  python3 -c 'import base64, uuid; print(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))'
}

stop_node() {
  local node=$1 deadline=$((SECONDS + stop_seconds))
  is_alive "$node" || return 0
  kill "$(<"$node/pid")" 2>/dev/null || true
  while is_alive "$node"; do
    if ((SECONDS >= deadline)); then
      kill -9 "$(<"$node/pid")" 2>/dev/null || true
      return 0
    fi
    sleep 0.1
  done
}

stop() {
  local node
  for node in "$1"/[0-9]*; do
    if [[ -d $node ]]; then
      stop_node "$node"
    fi
  done
  rm -f "$1/bootstrap"
}

case ${1:-} in
  start) start "${2:?DIR is missing}" "${3:-1}" ;;
  start-acl) acl_users=${KAFKA_USERS:-monitor} start "${2:?DIR is missing}" 1 ;;
  acls)
    bootstrap=$(<"${2:?DIR is missing}/bootstrap")
    shift 2
    java_class org.apache.kafka.tools.AclCommand --bootstrap-server "$bootstrap" "$@"
    ;;
  stop) stop "${2:?DIR is missing}" ;;
  kill) kill -9 "$(<"${2:?DIR is missing}/${3:?NODE is missing}/pid")" ;;
  pause) kill -STOP "$(<"${2:?DIR is missing}/${3:?NODE is missing}/pid")" ;;
  resume) kill -CONT "$(<"${2:?DIR is missing}/${3:?NODE is missing}/pid")" ;;
  revive) launch "${2:?DIR is missing}/${3:?NODE is missing}" ;;
  fetch) fetch ;;
  *)
    sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 2
    ;;
esac
