//go:build e2e

package ansible

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// machines are those of the simulated vCenter, read without anything of ours between.
func (s *running) machines() []mo.VirtualMachine {
	s.t.Helper()
	u, err := soap.ParseURL(s.demo.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	u.User = url.UserPassword(s.demo.Username, s.demo.Password)
	c, err := govmomi.NewClient(s.t.Context(), u, true)
	if err != nil {
		s.t.Fatalf("log in to the simulated vCenter: %v", err)
	}
	s.t.Cleanup(func() { _ = c.Logout(context.Background()) })
	w, err := view.NewManager(c.Client).CreateContainerView(s.t.Context(), c.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		s.t.Fatal(err)
	}
	var all, out []mo.VirtualMachine
	if err := w.Retrieve(s.t.Context(), []string{"VirtualMachine"}, []string{"name", "config"}, &all); err != nil {
		s.t.Fatal(err)
	}
	for _, vm := range all {
		if vm.Config != nil && !vm.Config.Template && vm.Config.Uuid != "" && mac(vm) != "" {
			out = append(out, vm)
		}
	}
	return out
}

func mac(vm mo.VirtualMachine) string {
	for _, d := range vm.Config.Hardware.Device {
		if card, ok := d.(types.BaseVirtualEthernetCard); ok {
			return card.GetVirtualEthernetCard().MacAddress
		}
	}
	return ""
}

// vmwareSerial is the UUID as VMware's firmware writes it into the serial number.
func vmwareSerial(uuid string) string {
	digits := strings.ReplaceAll(uuid, "-", "")
	var pairs []string
	for i := 0; i < len(digits); i += 2 {
		pairs = append(pairs, digits[i:i+2])
	}
	return "VMware-" + strings.Join(pairs[:8], " ") + "-" + strings.Join(pairs[8:], " ")
}

// swapped is the UUID as newer virtual hardware shows it to the guest: the first three groups in the other byte order.
func swapped(uuid string) string {
	turn := func(hex string) (out string) {
		for i := len(hex); i > 0; i -= 2 {
			out += hex[i-2 : i]
		}
		return out
	}
	g := strings.Split(uuid, "-")
	return strings.Join([]string{turn(g[0]), turn(g[1]), turn(g[2]), g[3], g[4]}, "-")
}

// TestOneMachineOfTwoSources: what vCenter knows of a machine and what the machine says of itself is one server.
func TestOneMachineOfTwoSources(t *testing.T) {
	s := startAll(t)
	vcenter := s.Connect("vcenter", "vsphere", "vcenter", map[string]any{"url": s.demo.URL, "thumbprint": s.demo.Thumbprint})
	if r := s.Run(vcenter); r.State != "succeeded" {
		t.Fatalf("vCenter: %+v", r)
	}
	before := s.Count("server", "")
	vms := s.machines()
	if len(vms) < 4 {
		t.Fatalf("%d machines", len(vms))
	}
	facts := func(host, more string) string {
		return fmt.Sprintf(`{"ansible_facts": {"ansible_system": "Linux", "ansible_distribution": "Debian", "ansible_distribution_version": "12.4", "ansible_nodename": %q,
"ansible_memtotal_mb": 1968, "ansible_swaptotal_mb": 974, "ansible_virtualization_role": "guest", "ansible_virtualization_type": "VMware", %s}}`, host, more)
	}
	hosts := map[string]string{
		"by-uuid":    fmt.Sprintf(`"ansible_product_uuid": %q`, strings.ToUpper(vms[0].Config.Uuid)),
		"by-serial":  fmt.Sprintf(`"ansible_product_uuid": %q, "ansible_product_serial": %q`, swapped(vms[1].Config.Uuid), vmwareSerial(vms[1].Config.Uuid)),
		"by-address": fmt.Sprintf(`"ansible_product_uuid": "NA", "ansible_interfaces": ["lo", "ens192"], "ansible_ens192": {"type": "ether", "device": "ens192", "macaddress": %q}`, mac(vms[2])),
		"stranger":   `"ansible_product_uuid": "564d1111-2222-3333-4444-555566667777"`,
	}
	for host, more := range hosts {
		write(t, filepath.Join(s.Dir, "facts", "site", host), facts(host, more))
	}
	ansible := s.Connect("facts", "ansible", "facts", map[string]any{"source": "directory", "paths": []string{"site"}})
	if r := s.Run(ansible); r.State != "succeeded" || r.Rejected > 0 {
		t.Fatalf("facts: %+v", r)
	}
	if got := s.Count("server", ""); got != before+1 {
		t.Errorf("%d servers, want the %d of vCenter and the stranger", got, before)
	}
	joined := func(host, vm string) {
		t.Helper()
		one := s.Server(fmt.Sprintf("name = %q", vm))
		sources := map[string]string{}
		for _, o := range one.Observations {
			sources[o.Connection.ID] = o.ExternalID
		}
		if len(one.Observations) != 2 || sources[ansible] != host || sources[vcenter] == "" {
			t.Errorf("%s: observations %v, want one of each connection", host, sources)
		}
		// Only the machine itself knows its swap space.
		if own, _ := one.Attributes["ansible"].(map[string]any); own["swap_bytes"] != float64(974<<20) {
			t.Errorf("%s: what Ansible alone knows is missing in %v", host, one.Attributes)
		}
	}
	joined("by-uuid", vms[0].Name)
	joined("by-serial", vms[1].Name)
	joined("by-address", vms[2].Name)
	if one := s.Server(`name = "stranger"`); len(one.Observations) != 1 {
		t.Errorf("the stranger has %d observations", len(one.Observations))
	}

	// A file that is being written when it is read changes nothing of what is known.
	write(t, filepath.Join(s.Dir, "facts", "site", "by-uuid"), facts("by-uuid", hosts["by-uuid"])[:90])
	if r := s.Run(ansible); r.State != "partial" && r.State != "succeeded" {
		t.Errorf("with a half-written file: %+v", r)
	}
	joined("by-uuid", vms[0].Name)
	if got := s.Count("server", ""); got != before+1 {
		t.Errorf("%d servers after a half-written file, want %d", got, before+1)
	}
}
