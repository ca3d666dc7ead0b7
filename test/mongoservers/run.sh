#!/bin/sh
# run.sh {ferretdb|java} URI-FILE: builds a server that speaks MongoDB's protocol and runs it in the foreground, on
# 127.0.0.1 and a port that the kernel chooses. Its URI is in URI-FILE once it listens. End it by its pid, which is
# that of this script. MAESTRO_MONGOSERVERS names the folder to build in; what is there already is not built again.
#
#   test/mongoservers/run.sh ferretdb /tmp/f.uri &  test/mongoservers/run.sh java /tmp/j.uri &
#   MAESTRO_TEST_MONGO_URIS="ferretdb=$(cat /tmp/f.uri) java=$(cat /tmp/j.uri)" go test ./collector/internal/store/mongo
set -eu
if [ $# -ne 2 ]; then
	echo "usage: run.sh {ferretdb|java} URI-FILE" >&2
	exit 2
fi
uri=$(realpath -m "$2")
here=$(dirname "$(realpath "$0")")
build=${MAESTRO_MONGOSERVERS:-${XDG_CACHE_HOME:-$HOME/.cache}/maestro/mongoservers}
mkdir -p "$build"
rm -f "$uri"
case $1 in
ferretdb)
	cd "$here"
	go build -o "$build/ferretdb" ./ferretdb
	exec "$build/ferretdb" -uri-file "$uri"
	;;
java)
	if [ ! -d "$build/java" ] || [ "$here/java/pom.xml" -nt "$build/java" ]; then
		rm -rf "$build/java.new" "$build/java"
		mvn -q -B -f "$here/java/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$build/java.new" >&2
		mv "$build/java.new" "$build/java"
		touch "$build/java"
	fi
	exec java -Xmx512m -cp "$build/java/*" "$here/java/Server.java" "$uri"
	;;
*)
	echo "run.sh: there is no server $1" >&2
	exit 2
	;;
esac
