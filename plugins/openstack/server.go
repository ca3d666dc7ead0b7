package openstack

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// serverFields are what only OpenStack's servers have.
type serverFields struct {
	ProjectID      string   `json:"project_id,omitempty" label:"Project id" maestro:"indexed"`
	ProjectName    string   `json:"project_name,omitempty" label:"Project" maestro:"indexed,searchable"`
	UserID         string   `json:"user_id,omitempty" label:"User id" help:"Who made it."`
	VMState        string   `json:"vm_state,omitempty" label:"VM state" maestro:"indexed"`
	TaskState      string   `json:"task_state,omitempty" label:"Task" help:"What is being done with it right now."`
	Host           string   `json:"host,omitempty" label:"Compute service" maestro:"indexed" help:"Administrators see it."`
	Hypervisor     string   `json:"hypervisor_hostname,omitempty" label:"Hypervisor" maestro:"indexed"`
	HostID         string   `json:"host_id,omitempty" label:"Host id" help:"A digest: equal for servers of one project on one host."`
	InstanceName   string   `json:"instance_name,omitempty" label:"Name at the hypervisor"`
	RootDevice     string   `json:"root_device_name,omitempty" label:"Root device"`
	ServerGroups   []string `json:"server_group_ids,omitempty" label:"Server groups" maestro:"set"`
	SecurityGroups []string `json:"security_group_names,omitempty" label:"Security groups" maestro:"set"`
	ConfigDrive    *bool    `json:"config_drive,omitempty" label:"Config drive"`
	Locked         *bool    `json:"locked,omitempty" label:"Locked"`
	FromVolume     *bool    `json:"boots_from_volume,omitempty" label:"Boots from a volume"`
	KeepsVolumes   []string `json:"kept_volume_ids,omitempty" label:"Volumes that outlive it" maestro:"set"`
}

// novaServer is what is used of a server. Its user data and passwords are not.
type novaServer struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Status       string            `json:"status"`
	Project      string            `json:"tenant_id"`
	User         string            `json:"user_id"`
	Description  string            `json:"description"`
	Created      string            `json:"created"`
	Launched     string            `json:"OS-SRV-USG:launched_at"`
	HostID       string            `json:"hostId"`
	KeyName      string            `json:"key_name"`
	Image        novaImage         `json:"image"`
	Flavor       novaFlavor        `json:"flavor"`
	Addresses    map[string][]nic  `json:"addresses"`
	Metadata     map[string]string `json:"metadata"`
	Tags         []string          `json:"tags"`
	Zone         string            `json:"OS-EXT-AZ:availability_zone"`
	VMState      string            `json:"OS-EXT-STS:vm_state"`
	TaskState    string            `json:"OS-EXT-STS:task_state"`
	PowerState   *int              `json:"OS-EXT-STS:power_state"`
	Host         string            `json:"OS-EXT-SRV-ATTR:host"`
	Hypervisor   string            `json:"OS-EXT-SRV-ATTR:hypervisor_hostname"`
	InstanceName string            `json:"OS-EXT-SRV-ATTR:instance_name"`
	Hostname     string            `json:"OS-EXT-SRV-ATTR:hostname"`
	RootDevice   string            `json:"OS-EXT-SRV-ATTR:root_device_name"`
	AccessIPv4   string            `json:"accessIPv4"`
	AccessIPv6   string            `json:"accessIPv6"`
	ConfigDrive  truth             `json:"config_drive"`
	Locked       *bool             `json:"locked"`
	ServerGroups []string          `json:"server_groups"`
	Fault        struct {
		Message string `json:"message"`
	} `json:"fault"`
	Groups []struct {
		Name string `json:"name"`
	} `json:"security_groups"`
	Volumes []struct {
		ID     string `json:"id"`
		Delete *bool  `json:"delete_on_termination"`
	} `json:"os-extended-volumes:volumes_attached"`
}

// novaImage is {"id": ...}, or "" for a server that boots from a volume.
type novaImage struct {
	ID         string         `json:"id"`
	Properties map[string]any `json:"properties"`
}

// UnmarshalJSON takes both forms.
func (i *novaImage) UnmarshalJSON(b []byte) error {
	type plain novaImage
	if len(b) > 0 && b[0] != '{' {
		*i = novaImage{}
		return nil
	}
	return json.Unmarshal(b, (*plain)(i))
}

// nic is one address of a server.
type nic struct {
	Address string `json:"addr"`
	Type    string `json:"OS-EXT-IPS:type"`
	MAC     string `json:"OS-EXT-IPS-MAC:mac_addr"`
}

// serverContext is what a page of servers needs beside itself.
type serverContext struct {
	flavors flavorBook
	images  *imageBook
	// ports by server.
	ports map[string][]neutronPort
	// blind says that ports may not be read.
	blind bool
}

func readServers(ctx context.Context, r *reader) error {
	flavors, err := r.flavorBook(ctx)
	if err != nil {
		return err
	}
	c := serverContext{flavors: flavors, images: &imageBook{known: map[string]glanceImage{}}}
	said := false
	return own(ctx, r, func(page []novaServer) error {
		ids := make([]string, len(page))
		for i, s := range page {
			ids[i] = s.ID
		}
		ports, refused, err := r.portsOf(ctx, ids)
		if err != nil {
			return err
		}
		if c.ports, c.blind = ports, refused != nil && !without(refused); refused != nil && !said {
			said = true
			r.out.Warn("networks and security groups of servers are left out: %v", refused)
		}
		if err := c.images.learn(ctx, r, page); err != nil {
			return err
		}
		for _, s := range page {
			env, attributes := r.server(s, c)
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

type serverAttributes struct {
	schema.Server
	OpenStack serverFields `json:"openstack"`
}

func (r *reader) server(s novaServer, c serverContext) (resource.Envelope, serverAttributes) {
	env := r.thing(s.ID, s.Name)
	env.Zone = s.Zone
	tagAll(&env, s.Metadata, s.Tags)
	o := r.owner(&env, s.Project)
	if s.Status == "UNKNOWN" && s.Created != "" && s.VMState == "" && s.Addresses == nil {
		// Its cell is down: Nova knows that it exists and no more.
		env.Unread = append(env.Unread, "/attributes", "/tags")
		return env, serverAttributes{Server: schema.Server{Status: s.Status}, OpenStack: serverFields{ProjectID: o.id, ProjectName: o.name}}
	}
	a := serverAttributes{
		Server: schema.Server{
			Type: "virtual", Status: s.Status, PowerState: powerOf(s), StatusMessage: shorten(s.Fault.Message), Hostname: s.Hostname, KeyName: s.KeyName,
			Image: s.Image.ID, Description: s.Description, ProvisionedAt: stamp(s.Created), BootedAt: stamp(s.Launched), DiskBytes: 0,
		},
		OpenStack: serverFields{
			ProjectID: o.id, ProjectName: o.name, UserID: s.User, VMState: s.VMState, TaskState: s.TaskState, Host: s.Host, Hypervisor: s.Hypervisor,
			HostID: s.HostID, InstanceName: s.InstanceName, RootDevice: s.RootDevice, ServerGroups: s.ServerGroups, ConfigDrive: s.ConfigDrive.pointer(),
			Locked: s.Locked, FromVolume: pointer(s.Image.ID == ""),
		},
	}
	for _, g := range s.Groups {
		if !slices.Contains(a.OpenStack.SecurityGroups, g.Name) {
			a.OpenStack.SecurityGroups = append(a.OpenStack.SecurityGroups, g.Name)
		}
	}
	for _, v := range s.Volumes {
		if v.Delete != nil && !*v.Delete {
			a.OpenStack.KeepsVolumes = append(a.OpenStack.KeepsVolumes, v.ID)
		}
	}
	r.sizes(&env, &a.Server, s, c)
	addresses(&env, &a.Server, s)
	c.images.describe(&env, &a.Server, s)
	relate(&env, "created_from", "image", s.Image.ID)
	if s.KeyName != "" && s.User != "" {
		relate(&env, "uses", "key_pair", r.local(s.User, s.KeyName))
	}
	r.connect(&env, s, c)
	return env, a
}

// sizes come from the server itself since microversion 2.47, before that from its flavor.
func (r *reader) sizes(env *resource.Envelope, a *schema.Server, s novaServer, c serverContext) {
	f := s.Flavor
	if f.ID != "" {
		f = c.flavors.byID[f.ID]
		if f.ID == "" {
			a.Flavor = s.Flavor.ID
			env.Unread = append(env.Unread, "/attributes/cpu_count", "/attributes/memory_bytes", "/attributes/flavor")
			return
		}
		f.OriginalName = f.Name
	}
	a.Flavor, a.CPUCount, a.MemoryBytes = f.OriginalName, int(f.VCPUs), int64(f.RAM)*mebibyte
	a.DiskBytes = int64(f.Disk+f.Ephemeral) * gibibyte
	id := f.ID
	if id == "" {
		id = c.flavors.idOf(f.OriginalName)
	}
	if id != "" {
		relate(env, "uses", "flavor", r.local(id))
	}
}

// powerOf is what the hypervisor said last. Nova keeps it while a server is shelved or in error, so its status counts
// where the two cannot both be.
func powerOf(s novaServer) string {
	if s.Status == "SHELVED_OFFLOADED" {
		return "off"
	}
	if s.PowerState == nil {
		return map[string]string{"ACTIVE": "on", "SHUTOFF": "off", "PAUSED": "suspended", "SUSPENDED": "suspended"}[s.Status]
	}
	switch *s.PowerState {
	case 1:
		return "on"
	case 3, 7:
		return "suspended"
	case 4, 6:
		return "off"
	}
	return "unknown"
}

// addresses are in the order of the networks' names, so that the first is the same one every time. The primary one is
// what people set as access address, else the first fixed IPv4 address, else IPv6; the public one is floating, or a
// fixed one that the internet routes.
func addresses(env *resource.Envelope, a *schema.Server, s novaServer) {
	var fixed, fixed6, floating, routed []schema.IP
	for _, network := range slices.Sorted(maps.Keys(s.Addresses)) {
		for _, n := range s.Addresses[network] {
			identify(env, "mac", n.MAC)
			ip := address(n.Address)
			if ip == "" {
				continue
			}
			if !slices.Contains(a.IPAddresses, ip) {
				a.IPAddresses = append(a.IPAddresses, ip)
			}
			switch {
			case n.Type == "floating":
				floating = append(floating, ip)
			case strings.Contains(string(ip), ":"):
				fixed6 = append(fixed6, ip)
			default:
				fixed = append(fixed, ip)
			}
			if n.Type != "floating" && isPublic(ip) {
				routed = append(routed, ip)
			}
		}
	}
	a.PrimaryIP = first([]schema.IP{address(s.AccessIPv4), address(s.AccessIPv6)}, fixed, fixed6, floating)
	a.PublicIP = first(floating, routed)
	slices.Sort(a.IPAddresses)
}

func first(lists ...[]schema.IP) schema.IP {
	for _, list := range lists {
		for _, ip := range list {
			if ip != "" {
				return ip
			}
		}
	}
	return ""
}

// connect adds what the server's ports lead to.
func (r *reader) connect(env *resource.Envelope, s novaServer, c serverContext) {
	if c.blind {
		env.Unread = append(env.Unread, "/relations")
	}
	for _, p := range c.ports[s.ID] {
		relate(env, "connected_to", "network", p.Network)
		for _, f := range p.Fixed {
			relate(env, "connected_to", "subnet", f.Subnet)
		}
		for _, g := range p.Groups {
			relate(env, "uses", "security_group", g)
		}
	}
}

// portsOf reads the ports of some devices, in few requests.
func (r *reader) portsOf(ctx context.Context, devices []string) (ports map[string][]neutronPort, refused, end error) {
	network, err := r.session.service("network", r.region)
	if err != nil {
		return nil, err, nil
	}
	ports = map[string][]neutronPort{}
	var mu sync.Mutex
	refused, end = r.side(ctx, devices, idsAtOnce, func(ctx context.Context, ids []string) error {
		l := listing{service: network, path: "ports", key: "ports", query: url.Values{
			"device_id": ids, "fields": {"id", "device_id", "device_owner", "network_id", "fixed_ips", "security_groups"},
		}}
		return each(ctx, r, l, func(page []neutronPort) error {
			mu.Lock()
			defer mu.Unlock()
			for _, p := range page {
				ports[p.Device] = append(ports[p.Device], p)
			}
			return nil
		})
	})
	if isDenied(refused) {
		// Each page would only be refused again.
		refused = provider.Denied(refused, "")
	}
	return ports, refused, end
}

func pointer[T any](v T) *T { return &v }
