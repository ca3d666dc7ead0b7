#!/usr/bin/env bash
# The OpenStack that the proofs of the plugin openstack run against: a real control plane from Debian's packages (Keystone,
# Nova with its fake driver, Glance, Placement, Neutron, Cinder, Octavia), on 127.0.0.1 and its own fixed ports, as root.
# Source it for the functions, or run it with start or stop. The first start installs some 360 packages and takes about 5
# minutes, later ones one; it needs 3 GiB of memory. OSLAB_RUN says where its state lies.
openstack_home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/openstack

start_openstack() {
	if [ "$(id -u)" != 0 ] || ! grep -qs 'VERSION_CODENAME=bookworm' /etc/os-release; then
		echo "OpenStack's packages need root on Debian 12" >&2
		return 1
	fi
	# Seeding again goes on where it stopped.
	"$openstack_home/up.sh" >/dev/null && { "$openstack_home/seed.sh" || { sleep 10; "$openstack_home/seed.sh"; }; }
}

# Ends each daemon by the pid that was recorded when it was started.
stop_openstack() { "$openstack_home/down.sh" "$@"; }

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	case ${1:-start} in
	start) start_openstack ;;
	stop) stop_openstack --wipe ;;
	*) echo "usage: $0 start|stop" >&2; exit 2 ;;
	esac
fi
