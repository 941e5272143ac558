#!/usr/bin/env bash
# Installs the servers and the browser that the tests run against, where it can: as root on Debian.
# Kafka is no Debian package: kafka/fetch.sh fetches it, with Debian's Maven. Elsewhere it says in
# one line which tests will be skipped. Quiet when there is nothing to say; the exit code is always
# 0, because a missing server must not keep the other tests from running.
set -uo pipefail

PATH="$PATH:/usr/sbin:/sbin"
POLICY=/usr/sbin/policy-rc.d
FETCH_KAFKA=$(dirname "${BASH_SOURCE[0]}")/kafka/fetch.sh

# program, Debian package, tests that need it
NEEDS=(
    "clickhouse-server clickhouse-server clickhouse"
    "clickhouse-client clickhouse-client clickhouse"
    "prometheus prometheus prometheus"
    "chromium chromium browser"
    "java openjdk-17-jre-headless kafka"
)
# Maven only fetches Kafka; once that is there, nobody needs it.
if ! "$FETCH_KAFKA" --is-there; then NEEDS+=("mvn maven kafka"); fi

missing() { # prints the given field of each need that is not met
    local field=$1 need words
    for need in "${NEEDS[@]}"; do
        read -r -a words <<<"$need"
        command -v "${words[0]}" >/dev/null || echo "${words[field]}"
    done
}

can_install() {
    [[ $EUID -eq 0 ]] && command -v apt-get >/dev/null && grep -qs '^ID=debian$' /etc/os-release
}

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 </dev/null
}

# Packages of servers start them. Debian asks this file first; 101 means no.
forbid_services() {
    if [[ -e $POLICY ]]; then mv "$POLICY" "$scratch/policy-rc.d"; fi
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}

restore() {
    rm -f "$POLICY"
    if [[ -e $scratch/policy-rc.d ]]; then mv "$scratch/policy-rc.d" "$POLICY"; fi
    rm -rf "$scratch"
}

install() {
    local package
    scratch=$(mktemp -d)
    log=$scratch/apt.log
    trap restore EXIT
    trap 'exit 130' INT TERM
    forbid_services
    # The package lists may be absent or out of date; refresh them only if that matters. One by
    # one, so that a package which this Debian does not have keeps nobody else out.
    if ! apt install -y --no-install-recommends "$@"; then
        apt update
        for package in "$@"; do
            apt install -y --no-install-recommends "$package" ||
                echo "test-servers: could not install $package: $(tail -n 1 "$log")"
        done
    fi
    # Nor shall they start with the machine: the tests run their own.
    if command -v systemctl >/dev/null; then
        for package in "$@"; do
            systemctl disable "$package" >>"$log" 2>&1
        done
    fi
}

mapfile -t packages < <(missing 1)
if ((${#packages[@]})) && can_install; then
    install "${packages[@]}"
fi
if command -v java >/dev/null && command -v mvn >/dev/null; then
    "$FETCH_KAFKA" || echo "test-servers: tests marked kafka will be skipped"
fi
mapfile -t tests < <(missing 2 | sort -u)
if ((${#tests[@]})); then
    mapfile -t packages < <(missing 1)
    echo "test-servers: tests marked ${tests[*]} will be skipped; on Debian, as root:" \
        "apt-get install --no-install-recommends ${packages[*]}"
fi
exit 0
