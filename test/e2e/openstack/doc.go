// Package openstack proves the plugin openstack against a real control plane: what the real agent reads through the real
// plugin is compared record by record with what the `openstack` command says, as an administrator, as a member of one
// project, and with an application credential of a reader. It needs `make build` and OpenStack itself: .ci/peers/openstack.sh
// starts one, and OSLAB_RUN says where its clouds.yaml lies.
package openstack
