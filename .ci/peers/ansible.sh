#!/usr/bin/env bash
# What the proofs of the plugin ansible need: Debian's ansible and SSH server. The tests start the server themselves, on
# a free port of 127.0.0.1, and need the emulator of S3 that .ci/peers/aws.sh installs. Source it for the function, or
# run it.
install_ansible() {
	command -v ansible >/dev/null && [ -x /usr/sbin/sshd ] && return 0
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends ansible-core openssh-server openssh-client
}

[ "${BASH_SOURCE[0]}" != "$0" ] || install_ansible
