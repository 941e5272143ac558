#!/usr/bin/env bash
# Fetches Apache Kafka with Maven, once, for the tests and for chaos runs: the version that pom.xml
# names, into .cache/kafka-VERSION/libs, or LIVESHOP_KAFKA_HOME/libs. Says nothing where it is
# there already; where it cannot be had, one sentence says why, and the exit code is 1. With
# --is-there it only looks.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pom=$here/pom.xml
version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$pom")
home=${LIVESHOP_KAFKA_HOME:-$here/../../.cache/kafka-$version}
MOST_SECONDS=300

cannot() {
    echo "kafka: Apache Kafka $version cannot be fetched: $1" >&2
    exit 1
}

java_version() { # prints 17 for a Java 17
    java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p'
}

is_there() { # an unpacked download of another version will do as well
    compgen -G "$home/libs/kafka_2.1*.jar" >/dev/null
}

if is_there; then exit 0; fi
if [[ ${1-} == --is-there ]]; then exit 1; fi

if ! command -v java >/dev/null; then
    cannot "there is no Java here; on Debian, as root: apt-get install openjdk-17-jre-headless maven"
fi
if (($(java_version) < 17)); then
    cannot "it needs Java 17, and java here is Java $(java_version)"
fi
if ! command -v mvn >/dev/null; then
    cannot "Java is there, but mvn is not; on Debian, as root: apt-get install maven"
fi

mkdir -p "$home" 2>/dev/null || cannot "the directory $home cannot be written"
scratch=$(mktemp -d "$home/fetching.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
if ! timeout "$MOST_SECONDS" mvn --batch-mode --quiet --file "$pom" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$scratch/libs" >"$scratch/log" 2>&1 </dev/null; then
    reason=$(grep -m 1 -o 'ERROR.*' "$scratch/log" | sed 's/ERROR[^ ]* *//' | cut -c 1-300 || true)
    cannot "Maven did not get it from Maven Central (${reason:-no answer in $MOST_SECONDS s})"
fi
# All at once, so that nobody ever sees a part of it; who comes second throws his copy away.
mv --no-target-directory "$scratch/libs" "$home/libs" 2>/dev/null ||
    is_there || cannot "$home/libs is in the way"
