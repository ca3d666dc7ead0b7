#!/usr/bin/env bash
# The emulator that the proofs of the plugin aws run against: moto, from PyPI, in a virtual environment of its own. The
# tests start it themselves, on a free port of 127.0.0.1. Source it for the function, or run it.
install_moto() {
	local home=${MAESTRO_MOTO:-$HOME/.cache/maestro/moto}
	[ -x "$home/bin/moto_server" ] && "$home/bin/python" -c 'import boto3, moto' 2>/dev/null && return 0
	python3 -m venv "$home" && "$home/bin/pip" install -q 'moto[server]==5.2.5' boto3
}

[ "${BASH_SOURCE[0]}" != "$0" ] || install_moto
