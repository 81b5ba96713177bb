#!/bin/sh
# Process 1 of a node that runs layer 0: file systems, modules, network, then the host of Kraken, which is started again whenever it
# ends. It keeps no secret and has no shell on the console. A line for each step: `layer0: SECONDS WHAT`, seconds since the kernel began.

PROC=${LAYER0_PROC:-/proc}
SYS=${LAYER0_SYS:-/sys}
LEAST_LIFE=60
LONGEST_WAIT=60
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux

say() {
  up='?'
  read -r up _ 2>/dev/null <"$PROC/uptime"
  echo "layer0: $up $*"
}

# Whole seconds since the kernel began: the clock of a node may jump.
seconds() {
  read -r now _ <"$PROC/uptime"
  now=${now%%.*}
}

mount_all() {
  mount -t proc -o nosuid,noexec,nodev proc /proc
  mount -t sysfs -o nosuid,noexec,nodev sysfs /sys
  mount -t devtmpfs -o mode=0755,nosuid devtmpfs /dev || say 'no devtmpfs: this kernel lacks CONFIG_DEVTMPFS'
  mkdir -p /dev/pts /dev/shm
  mount -t devpts -o mode=0620,nosuid,noexec devpts /dev/pts
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
  mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs /run
  mkdir -p -m 0700 /run/kraken
  mount -t cgroup2 -o nosuid,noexec,nodev cgroup2 /sys/fs/cgroup || say 'no cgroup2: this kernel cannot limit what images use'
}

# Of a parameter that stands there twice the last counts, as everywhere in the kernel.
read_cmdline() {
  parent='' id='' ip='' gw='' mac='' name=''
  line=''
  read -r line <"$PROC/cmdline"
  set -f
  for word in $line; do
    case $word in
    kraken.parent=*) parent=${word#*=} ;;
    kraken.id=*) id=${word#*=} ;;
    kraken.ip=*) ip=${word#*=} ;;
    kraken.gw=*) gw=${word#*=} ;;
    kraken.mac=*) mac=$(echo "${word#*=}" | tr 'A-F-' 'a-f:') ;;
    kraken.name=*) name=${word#*=} ;;
    esac
  done
  set +f
  for wanted in parent id ip mac; do
    eval "value=\$$wanted"
    [ -n "$value" ] || say "kraken.$wanted= is not on the kernel command line: correct what this node is booted with"
  done
  case $name in
  *[!A-Za-z0-9.-]* | -* | .*) say 'kraken.name= is no host name' && name='' ;;
  esac
}

# What the devices ask for by their aliases, again as long as a bus brought new ones; and what was asked for with --add-module.
load_modules() {
  release=$(uname -r) loaded='none, the kernel has what it has'
  if [ ! -d "/lib/modules/$release" ]; then
    for other in /lib/modules/*; do
      [ -d "$other" ] && say "no modules: those here are of the kernel ${other##*/}, and this one is $release"
    done
    return 0
  fi
  set -f
  while read -r module; do
    modprobe "$module" || say "module $module: not loaded"
  done </etc/kraken/modules
  before=''
  for _ in 1 2 3 4; do
    aliases=$(find "$SYS/devices" -name modalias -exec cat {} + 2>/dev/null | sort -u)
    [ "$aliases" = "$before" ] && break
    before=$aliases
    modprobe -a -q $aliases 2>/dev/null
  done
  set +f
  loaded=$(sort "$PROC/modules" | cut -d ' ' -f 1 | tr '\n' ' ')
}

# Sets iface to the interface of that MAC; to the only one where the command line names none.
find_interface() {
  iface='' seen=''
  for path in "$SYS"/class/net/*; do
    [ -r "$path/address" ] || continue
    address=''
    read -r address <"$path/address"
    each=${path##*/}
    [ "$each" = lo ] && continue
    seen="$seen $each ($address)"
    if [ "$address" = "$mac" ] || [ -z "$mac" ]; then
      [ -n "$iface" ] || iface=$each
    fi
  done
  [ -n "$iface" ]
}

# A card may come late, or be another than the node's description says: it is waited for, and said at once, then every 30 s.
wait_for_interface() {
  tries=0
  until find_interface || [ -n "$asked" ]; do
    if [ $((tries % 300)) = 20 ]; then
      say "no interface has the MAC ${mac:-of any card}; there are:${seen:- none}; waiting for it"
    fi
    tries=$((tries + 1))
    sleep 0.1
  done
}

bring_up() {
  ip link set lo up
  wait_for_interface
  [ -n "$iface" ] || return
  ip link set "$iface" up || say "$iface cannot be brought up"
  if [ -n "$ip" ]; then
    ip addr add "$ip" dev "$iface" || say "kraken.ip=$ip is no address that $iface takes"
  fi
  if [ -n "$gw" ]; then
    ip route add default via "$gw" dev "$iface" 2>/dev/null ||
      { ip route add "$gw" dev "$iface" && ip route add default via "$gw" dev "$iface"; } ||
      say "kraken.gw=$gw is no gateway that $iface reaches"
  fi
  tries=0 carrier=0
  while [ "$tries" -lt 100 ] && [ -z "$asked" ]; do
    read -r carrier 2>/dev/null <"$SYS/class/net/$iface/carrier"
    [ "$carrier" = 1 ] && break
    tries=$((tries + 1))
    sleep 0.1
  done
  [ "$carrier" = 1 ] || say "$iface has no carrier; going on"
  say "network: $iface $mac ${ip:-without address}${gw:+ by $gw}"
}

# In a session of its own, so that nothing on the console reaches it. Small spaces for young objects and one arena keep it small.
start_host() {
  MALLOC_ARENA_MAX=1 setsid /usr/bin/node --max-semi-space-size=1 /kraken/kraken.js up --kernel --config /etc/kraken/kraken.yaml \
    --data-dir /run/kraken/data --socket /run/kraken/control.sock --run-dir /run/kraken </dev/null &
  host=$!
}

# How long to wait before it is started again, in seconds: at once, then 1 doubling to 60; anew when it had lived a minute.
next_wait() {
  lived=$1
  if [ "$lived" -ge "$LEAST_LIFE" ] || [ -z "$pause" ]; then
    pause=0
  elif [ "$pause" = 0 ]; then
    pause=1
  else
    pause=$((pause * 2))
    [ "$pause" -le "$LONGEST_WAIT" ] || pause=$LONGEST_WAIT
  fi
}

# Waiting for a child is also what reaps those that others left behind.
supervise() {
  pause=''
  while [ -z "$asked" ]; do
    seconds
    started=$now
    start_host
    say "host started, process $host"
    wait "$host"
    status=$?
    [ -n "$asked" ] && return
    seconds
    next_wait $((now - started))
    say "host ended with $status after $((now - started)) s; started again in $pause s"
    [ "$pause" = 0 ] && continue
    sleep "$pause" &
    wait $!
  done
}

# As busybox tells process 1: reboot is TERM, poweroff is USR2, halt is USR1; Ctrl-Alt-Del is INT.
listen() {
  asked='' host=''
  trap 'asked=reboot' TERM INT
  trap 'asked=poweroff' USR2 PWR
  trap 'asked=halt' USR1
  echo 0 2>/dev/null >"$PROC/sys/kernel/ctrl-alt-del"
}

finish() {
  say "$asked: ending the host"
  if [ -n "$host" ] && kill -TERM "$host" 2>/dev/null; then
    (sleep 10; kill -KILL "$host") 2>/dev/null &
    wait "$host"
  fi
  kill -TERM -1
  sleep 0.5
  kill -KILL -1
  sync
  say "$asked"
  "$asked" -f
  sleep 60
}

main() {
  umask 022
  mount_all
  listen
  say "kernel $(uname -r), file systems are there"
  # A console over the network that was stopped with Ctrl-S would stop the host, too.
  stty -ixon 2>/dev/null </dev/console
  read_cmdline
  hostname "${name:-kraken}"
  load_modules
  say "modules: $loaded"
  bring_up
  supervise
  finish
}

# Read by a test it only says what it can do.
case $$ in
1) main ;;
esac
