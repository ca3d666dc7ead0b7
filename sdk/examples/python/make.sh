#!/bin/sh
# Makes the plugin in the directory given (default: build, beside this file): a virtual environment with
# gRPC, the code generated from plugin.proto, and the executable maestro-plugin-python.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-$here/build}"
out=$(cd "${1:-$here/build}" && pwd)
command -v python3 >/dev/null || { echo "make.sh: Python 3.9 or newer is needed (python3 in PATH)" >&2; exit 1; }
[ -x "$out/venv/bin/python" ] || python3 -m venv "$out/venv"
"$out/venv/bin/python" -c 'import grpc, grpc_tools, cryptography' 2>/dev/null ||
	"$out/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
mkdir -p "$out/gen"
"$out/venv/bin/python" -m grpc_tools.protoc -I "$here/../../proto" --python_out="$out/gen" --grpc_python_out="$out/gen" \
	maestro/plugin/v1/plugin.proto
cp "$here/maestro_plugin_python.py" "$out/maestro_plugin_python.py"
cat >"$out/maestro-plugin-python" <<END
#!/bin/sh
PYTHONPATH="$out/gen" exec "$out/venv/bin/python" -B "$out/maestro_plugin_python.py" "\$@"
END
chmod +x "$out/maestro-plugin-python"
echo "$out/maestro-plugin-python"
