package openstack

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// balancerFields are what only Octavia's load balancers have.
type balancerFields struct {
	ProjectID    string   `json:"project_id,omitempty" label:"Project id" maestro:"indexed"`
	ProjectName  string   `json:"project_name,omitempty" label:"Project" maestro:"indexed,searchable"`
	AdminUp      *bool    `json:"admin_state_up,omitempty" label:"Enabled"`
	FlavorID     string   `json:"flavor_id,omitempty" label:"Flavor"`
	VIPPort      string   `json:"vip_port_id,omitempty" label:"Port of the address"`
	QoSPolicy    string   `json:"qos_policy_id,omitempty" label:"QoS policy"`
	ListenerIDs  []string `json:"listener_ids,omitempty" label:"Listeners" maestro:"set"`
	PoolIDs      []string `json:"pool_ids,omitempty" label:"Pools" maestro:"set"`
	Availability string   `json:"availability_zone,omitempty" label:"Zone profile"`
}

type octaviaRef struct {
	ID string `json:"id"`
}

type octaviaBalancer struct {
	ID           string       `json:"id"`
	Name         string       `json:"name"`
	Description  string       `json:"description"`
	Provisioning string       `json:"provisioning_status"`
	Operating    string       `json:"operating_status"`
	Project      string       `json:"project_id"`
	AdminUp      *bool        `json:"admin_state_up"`
	Address      string       `json:"vip_address"`
	Network      string       `json:"vip_network_id"`
	Subnet       string       `json:"vip_subnet_id"`
	Port         string       `json:"vip_port_id"`
	QoS          string       `json:"vip_qos_policy_id"`
	Provider     string       `json:"provider"`
	Flavor       string       `json:"flavor_id"`
	Zone         string       `json:"availability_zone"`
	Created      string       `json:"created_at"`
	Tags         []string     `json:"tags"`
	Listeners    []octaviaRef `json:"listeners"`
	Pools        []octaviaRef `json:"pools"`
	Additional   []struct {
		IP     string `json:"ip_address"`
		Subnet string `json:"subnet_id"`
	} `json:"additional_vips"`
	Groups []string `json:"vip_sg_ids"`
}

type octaviaListener struct {
	ID            string       `json:"id"`
	Name          string       `json:"name"`
	Protocol      string       `json:"protocol"`
	Port          int          `json:"protocol_port"`
	DefaultPool   string       `json:"default_pool_id"`
	Container     string       `json:"default_tls_container_ref"`
	SNI           []string     `json:"sni_container_refs"`
	TLSVersions   []string     `json:"tls_versions"`
	LoadBalancers []octaviaRef `json:"loadbalancers"`
}

type octaviaPool struct {
	ID            string       `json:"id"`
	Name          string       `json:"name"`
	Protocol      string       `json:"protocol"`
	Algorithm     string       `json:"lb_algorithm"`
	Monitor       string       `json:"healthmonitor_id"`
	Members       []octaviaRef `json:"members"`
	LoadBalancers []octaviaRef `json:"loadbalancers"`
	Persistence   *struct {
		Type string `json:"type"`
	} `json:"session_persistence"`
}

type octaviaMember struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
	Port    int    `json:"protocol_port"`
	Weight  int    `json:"weight"`
	Subnet  string `json:"subnet_id"`
	AdminUp *bool  `json:"admin_state_up"`
	Backup  *bool  `json:"backup"`
}

type octaviaMonitor struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Delay      int    `json:"delay"`
	Timeout    int    `json:"timeout"`
	Retries    int    `json:"max_retries"`
	RetriesOff int    `json:"max_retries_down"`
	Path       string `json:"url_path"`
	Codes      string `json:"expected_codes"`
}

type balancerAttributes struct {
	schema.LoadBalancer
	OpenStack balancerFields `json:"openstack"`
}

// parts are what load balancers consist of, by id. Octavia lists each sort of them in one list, members apart, which
// it gives for one pool at a time.
type parts struct {
	listeners map[string]octaviaListener
	pools     map[string]octaviaPool
	monitors  map[string]octaviaMonitor
	members   map[string][]octaviaMember // by pool
	unread    map[string]bool            // pools whose members could not be read
	servers   map[endpoint]string
	blind     bool // members cannot be found among servers
}

// endpoint is where a member is: an address in a subnet, or, where a member names no subnet, of a project.
type endpoint struct{ where, ip string }

func readBalancers(ctx context.Context, r *reader) error {
	p := parts{listeners: map[string]octaviaListener{}, pools: map[string]octaviaPool{}, monitors: map[string]octaviaMonitor{}}
	query := r.query()
	part := func(path, key string) listing {
		return listing{service: r.service, path: "lbaas/" + path, key: key, query: query}
	}
	err := each(ctx, r, part("listeners", "listeners"), func(page []octaviaListener) error {
		index(p.listeners, page, func(l octaviaListener) string { return l.ID })
		return nil
	})
	if err != nil {
		return err
	}
	err = each(ctx, r, part("pools", "pools"), func(page []octaviaPool) error {
		index(p.pools, page, func(l octaviaPool) string { return l.ID })
		return nil
	})
	if err != nil {
		return err
	}
	err = each(ctx, r, part("healthmonitors", "healthmonitors"), func(page []octaviaMonitor) error {
		index(p.monitors, page, func(m octaviaMonitor) string { return m.ID })
		return nil
	})
	if err != nil {
		return err
	}
	return own(ctx, r, func(page []octaviaBalancer) error {
		if err := r.learnMembers(ctx, &p, page); err != nil {
			return err
		}
		for _, b := range page {
			env, attributes := r.balancer(b, &p)
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

func index[T any](m map[string]T, page []T, id func(T) string) {
	for _, item := range page {
		m[id(item)] = item
	}
}

// learnMembers reads the members of the pools of some load balancers, a few pools at a time, and finds the servers
// that have their addresses.
func (r *reader) learnMembers(ctx context.Context, p *parts, page []octaviaBalancer) error {
	p.members, p.unread, p.servers, p.blind = map[string][]octaviaMember{}, map[string]bool{}, map[endpoint]string{}, false
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, b := range page {
		for _, ref := range b.Pools {
			if pool, known := p.pools[ref.ID]; known && len(pool.Members) == 0 {
				continue // nothing to ask for
			}
			g.Go(func() error {
				l := listing{service: r.service, path: "lbaas/pools/" + url.PathEscape(ref.ID) + "/members", key: "members"}
				var members []octaviaMember
				err := each(gctx, r, l, func(page []octaviaMember) error { members = append(members, page...); return nil })
				mu.Lock()
				defer mu.Unlock()
				if p.members[ref.ID] = members; err != nil && gctx.Err() == nil {
					p.unread[ref.ID] = true
					r.out.Warn("members of pool %s could not be read: %v", ref.ID, err)
				}
				return gctx.Err()
			})
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return r.learnServers(ctx, p)
}

// learnServers asks Neutron whose the members' addresses are.
func (r *reader) learnServers(ctx context.Context, p *parts) error {
	var ips []string
	for _, members := range p.members {
		for _, m := range members {
			ips = appendNew(ips, m.Address)
		}
	}
	slices.Sort(ips)
	network := r.session.find("network", r.region)
	if network == nil || len(ips) == 0 {
		return nil // without Neutron there is nothing to be found
	}
	var mu sync.Mutex
	refused, end := r.side(ctx, ips, addressesAtOnce, func(ctx context.Context, ips []string) error {
		q := url.Values{"fields": {"device_id", "device_owner", "project_id", "fixed_ips"}}
		for _, ip := range ips {
			q.Add("fixed_ips", "ip_address="+ip)
		}
		return each(ctx, r, listing{service: network, path: "ports", key: "ports", query: q}, func(page []neutronPort) error {
			mu.Lock()
			defer mu.Unlock()
			for _, port := range page {
				if len(port.Owner) < 8 || port.Owner[:8] != "compute:" {
					continue
				}
				for _, f := range port.Fixed {
					p.servers[endpoint{f.Subnet, f.IP}] = port.Device
					p.servers[endpoint{port.Project, f.IP}] = port.Device
				}
			}
			return nil
		})
	})
	if refused != nil {
		p.blind = true
		r.out.Warn("servers behind load balancers are left out: %v", refused)
	}
	return end
}

func (r *reader) balancer(b octaviaBalancer, p *parts) (resource.Envelope, balancerAttributes) {
	env := r.thing(b.ID, b.Name)
	tagAll(&env, nil, b.Tags)
	o := r.owner(&env, b.Project)
	a := balancerAttributes{
		LoadBalancer: schema.LoadBalancer{
			Status: b.Provisioning, Health: b.Operating, Endpoint: b.Address, VIPs: appendNew(nil, address(b.Address)), Provider: b.Provider,
			Class: b.Flavor, Description: b.Description, Provisioned: stamp(b.Created), Zones: appendNew(nil, b.Zone),
		},
		OpenStack: balancerFields{ProjectID: o.id, ProjectName: o.name, AdminUp: b.AdminUp, FlavorID: b.Flavor, VIPPort: b.Port, QoSPolicy: b.QoS, Availability: b.Zone},
	}
	if a.Scheme = "private"; isPublic(address(b.Address)) {
		a.Scheme = "public"
	}
	relate(&env, "connected_to", "network", b.Network)
	relate(&env, "connected_to", "subnet", b.Subnet)
	for _, v := range b.Additional {
		a.VIPs = appendNew(a.VIPs, address(v.IP))
		relate(&env, "connected_to", "subnet", v.Subnet)
	}
	for _, g := range b.Groups {
		relate(&env, "uses", "security_group", g)
	}
	r.pools(&env, &a, b, p)
	names := map[string]bool{}
	seven := false
	for _, ref := range b.Listeners {
		a.OpenStack.ListenerIDs = append(a.OpenStack.ListenerIDs, ref.ID)
		l, ok := p.listeners[ref.ID]
		if !ok {
			continue
		}
		seven = seven || l.Protocol == "HTTP" || l.Protocol == "TERMINATED_HTTPS"
		a.Listeners = append(a.Listeners, schema.Listener{
			Name: unique(names, l.Name, l.ID), Protocol: l.Protocol, Port: l.Port, TargetPool: nameOf(p.pools[l.DefaultPool]), Address: address(b.Address),
			Certificates: certificates(l),
		})
	}
	if a.Type = "network"; seven {
		a.Type = "application"
	}
	return env, a
}

// pools adds pools, targets and the servers that traffic goes to.
func (r *reader) pools(env *resource.Envelope, a *balancerAttributes, b octaviaBalancer, p *parts) {
	names := map[string]bool{}
	for _, ref := range b.Pools {
		a.OpenStack.PoolIDs = append(a.OpenStack.PoolIDs, ref.ID)
		pool, ok := p.pools[ref.ID]
		if !ok {
			continue
		}
		t := schema.TargetPool{Name: unique(names, pool.Name, pool.ID), Protocol: pool.Protocol, Algorithm: pool.Algorithm, Sticky: pointer(pool.Persistence != nil)}
		if m, ok := p.monitors[pool.Monitor]; ok {
			t.HealthCheck = &schema.HealthCheck{
				Protocol: m.Type, Path: m.Path, IntervalSeconds: m.Delay, TimeoutSeconds: m.Timeout, HealthyThreshold: m.Retries, UnhealthyThreshold: m.RetriesOff, ExpectedCodes: m.Codes,
			}
		}
		for _, m := range p.members[ref.ID] {
			t.Targets = append(t.Targets, schema.Target{ID: m.ID, Name: m.Name, Address: m.Address, Port: m.Port, Weight: m.Weight, Enabled: m.AdminUp, Backup: m.Backup})
			server := p.servers[endpoint{m.Subnet, m.Address}]
			if m.Subnet == "" {
				server = p.servers[endpoint{b.Project, m.Address}]
			}
			relate(env, "routes_to", "server", server)
		}
		a.TargetCount += len(t.Targets)
		a.Pools = append(a.Pools, t)
		if p.unread[ref.ID] {
			env.Unread = appendNew(appendNew(appendNew(env.Unread, "/attributes/target_pools"), "/attributes/target_count"), "/relations")
		}
	}
	if p.blind {
		env.Unread = appendNew(env.Unread, "/relations")
	}
}

func nameOf(p octaviaPool) string {
	if p.Name != "" {
		return p.Name
	}
	return p.ID
}

// unique is a name that no other part of the same load balancer has; names may be empty or repeat.
func unique(taken map[string]bool, name, id string) string {
	if name == "" || taken[name] {
		name = id
	}
	for base, n := name, 2; taken[name]; n++ {
		name = base + "#" + strconv.Itoa(n)
	}
	taken[name] = true
	return name
}

// certificates are the names of what is kept in Barbican, never what it holds.
func certificates(l octaviaListener) []string {
	out := appendNew(nil, l.Container)
	for _, ref := range l.SNI {
		out = appendNew(out, ref)
	}
	return out
}
