package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// The four folders below every datacenter. Rights are often given on some of them only, so that each kind has an answer
// of its own.
const (
	machines   = "virtual machines"
	hosts      = "hosts and clusters"
	datastores = "datastores"
	networks   = "networks"
)

// wantedFolders are those whose content a kind is read from.
func wantedFolders(kind string) []string {
	switch kind {
	case "server":
		return []string{machines, hosts}
	case "image", "snapshot", "volume":
		return []string{machines}
	case "cluster", "host_port", "network_interface":
		return []string{hosts}
	case "storage_pool":
		return []string{datastores}
	case "network", "router":
		return []string{networks, hosts}
	}
	return nil
}

// lack is a sentence about something that may not be read.
type lack struct {
	folder string // empty: the datacenter itself, which all kinds need
	text   string
}

// lacks is what is missing on the selected datacenters.
type lacks []lack

// of are the sentences that concern a kind.
func (l lacks) of(kind string) []string {
	wanted := wantedFolders(kind)
	var out []string
	for _, one := range l {
		if one.folder == "" || slices.Contains(wanted, one.folder) {
			out = append(out, one.text)
		}
	}
	return out
}

// place is an object whose privileges are asked for.
type place struct {
	ref            types.ManagedObjectReference
	folder, naming string
}

// privileges asks what the user lacks on the selected datacenters and on their folders.
func (s *session) privileges(ctx context.Context, found []datacenter) (lacks, error) {
	places, err := s.places(ctx, found)
	if err != nil {
		return nil, err
	}
	current, err := s.client.sessions.UserSession(ctx)
	if err != nil {
		return nil, classify(err)
	}
	manager := s.client.vim.ServiceContent.AuthorizationManager
	if current == nil || manager == nil {
		return nil, nil
	}
	var out lacks
	for chunk := range slices.Chunk(places, pageSize) {
		req := types.HasPrivilegeOnEntities{This: *manager, SessionId: current.Key, PrivId: wantedPrivileges()}
		for _, p := range chunk {
			req.Entity = append(req.Entity, p.ref)
		}
		answer, err := methods.HasPrivilegeOnEntities(ctx, s.client.vim, &req)
		if err != nil {
			return nil, classify(err)
		}
		for _, entity := range answer.Returnval {
			var names []string
			for _, p := range entity.PrivAvailability {
				if !p.IsGranted {
					names = append(names, p.PrivId)
				}
			}
			i := slices.IndexFunc(chunk, func(p place) bool { return p.ref == entity.Entity })
			if len(names) > 0 && i >= 0 {
				out = append(out, lack{chunk[i].folder, fmt.Sprintf("%s lacks %s", chunk[i].naming, strings.Join(names, ", "))})
			}
		}
	}
	return out, nil
}

// places are the selected datacenters and their folders. Where the user may not even see the datacenter's folders, the
// datacenter itself lacks what is missing.
func (s *session) places(ctx context.Context, found []datacenter) ([]place, error) {
	var out []place
	var refs []types.ManagedObjectReference
	names := map[types.ManagedObjectReference]string{}
	for _, d := range found {
		if s.settings.wanted(d) {
			refs, names[d.ref] = append(refs, d.ref), d.path
			out = append(out, place{ref: d.ref, naming: d.path})
		}
	}
	sw := sweep{types: []string{"Datacenter"}, properties: []string{"vmFolder", "hostFolder", "datastoreFolder", "networkFolder"}, objects: refs}
	if len(refs) == 0 {
		return nil, nil
	}
	err := s.client.sweep(ctx, s.client.vim.ServiceContent.RootFolder, sw, directCall, func(o entry) error {
		var d mo.Datacenter
		if err := o.load(&d); err != nil {
			return err
		}
		for folder, ref := range map[string]types.ManagedObjectReference{machines: d.VmFolder, hosts: d.HostFolder, datastores: d.DatastoreFolder, networks: d.NetworkFolder} {
			if ref.Value != "" {
				out = append(out, place{ref, folder, names[o.Obj] + " (" + folder + ")"})
			}
		}
		return nil
	})
	slices.SortStableFunc(out, func(a, b place) int { return strings.Compare(a.naming, b.naming) })
	return out, err
}
