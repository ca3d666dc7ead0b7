// Package demo is a vCenter that exists only in memory: two datacenters with clusters, hosts, datastores, networks
// and a few hundred virtual machines. It lets anyone see Maestro discover something real, over the real protocol,
// without an account anywhere. It is part of `maestro dev --demo` and of tests, and never shipped to customers.
//
// Everything in it is made from one seed, so that a second start shows the same machines and no changes.
package demo

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator" // the tagging service
	"github.com/vmware/govmomi/vim25"
)

// Options say how the vCenter is started.
type Options struct {
	// Listen is host:port; empty means a port of the kernel's choice on 127.0.0.1.
	Listen string
	// StateDir keeps certificate, password and port between starts; empty makes new ones.
	StateDir string
	// Machines is how many virtual machines there are; 0 means DefaultMachines.
	Machines int
	Log      *slog.Logger
}

// DefaultMachines is enough for pages and graphs to look like something.
const DefaultMachines = 240

// Access is what one needs to connect.
type Access struct {
	URL        string `json:"url"`
	Username   string `json:"username"`
	Password   string `json:"password"`
	Thumbprint string `json:"thumbprint"`
}

// VCenter is a running simulated vCenter.
type VCenter struct {
	Access  Access
	Service *simulator.Service

	model  *simulator.Model
	server *simulator.Server
	client *vim25.Client
	log    *slog.Logger
	sites  []*site
}

// Start builds the inventory and serves it.
func Start(ctx context.Context, opts Options) (*VCenter, error) {
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	id, err := loadIdentity(opts.StateDir)
	if err != nil {
		return nil, err
	}
	v := &VCenter{log: log, model: simulator.VPX()}
	m := v.model
	m.Datacenter, m.Cluster, m.Host, m.Datastore, m.Portgroup, m.Machine = 0, 0, 0, 0, 0, 0
	m.ServiceContent.About.Name = "VMware vCenter Server"
	m.ServiceContent.About.FullName = "VMware vCenter Server 8.0.2 build-0 (simulated by Maestro's demo)"
	m.ServiceContent.About.Version, m.ServiceContent.About.ApiVersion = "8.0.2", "8.0.2.0"
	m.ServiceContent.About.InstanceUuid = "6d616573-7472-4f2d-a465-6d6f00000001"
	if err := m.Create(); err != nil {
		return nil, fmt.Errorf("create simulated vCenter: %w", err)
	}
	v.Service = m.Service
	machines := opts.Machines
	if machines == 0 {
		machines = DefaultMachines
	}
	if err := v.build(ctx, machines); err != nil {
		m.Remove()
		return nil, fmt.Errorf("build simulated inventory: %w", err)
	}
	if err := v.serve(opts.Listen, id); err != nil {
		m.Remove()
		return nil, err
	}
	if opts.StateDir != "" {
		if err := id.save(opts.StateDir); err != nil {
			v.Close()
			return nil, err
		}
	}
	return v, nil
}

func (v *VCenter) serve(listen string, id *identity) error {
	address, err := freeAddress(listen, id.Port)
	if err != nil {
		return err
	}
	certificate, err := tls.X509KeyPair([]byte(id.Certificate), []byte(id.Key))
	if err != nil {
		return fmt.Errorf("read certificate of the demo: %w", err)
	}
	s := v.Service
	s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	s.Listen = &url.URL{Host: address, User: url.UserPassword(id.Username, id.Password)}
	s.RegisterEndpoints = true // the tagging service
	v.server = s.NewServer()
	id.Port = v.server.Listener.Addr().(*net.TCPAddr).Port
	v.Access = Access{
		URL: "https://" + v.server.Listener.Addr().String() + "/sdk", Username: id.Username, Password: id.Password,
		Thumbprint: thumbprint(certificate.Certificate[0]),
	}
	return nil
}

// freeAddress prefers what is asked for, then the port of the last start, then any. The simulator panics where a
// port is taken, so this is found out before.
func freeAddress(listen string, lastPort int) (string, error) {
	try := func(address string) bool {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return false
		}
		return l.Close() == nil
	}
	if listen != "" && !strings.HasSuffix(listen, ":0") {
		if !try(listen) {
			return "", fmt.Errorf("listen on %s: the address cannot be used; is another program there?", listen)
		}
		return listen, nil
	}
	if last := fmt.Sprintf("127.0.0.1:%d", lastPort); lastPort != 0 && try(last) {
		return last, nil
	}
	if listen != "" {
		return listen, nil
	}
	return "127.0.0.1:0", nil
}

// Close stops serving and removes the files that stand for datastores.
func (v *VCenter) Close() {
	v.server.CloseClientConnections()
	v.server.Close()
	v.model.Remove()
}

// WriteReady writes how to connect into a file, readable for its owner only, all at once.
func (a Access) WriteReady(path string) error {
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	return writePrivate(path, append(text, '\n'))
}

func writePrivate(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".demo-*") // created with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}

// thumbprint is the SHA-256 of a certificate as vCenter's own tools print it.
func thumbprint(der []byte) string {
	return colons(sha256Sum(der))
}

func colons(sum []byte) string {
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// nameUUID is the same UUID for the same name, every time.
func nameUUID(kind, name string) string {
	h := sha1.Sum([]byte("maestro-demo\x00" + kind + "\x00" + name))
	h[6], h[8] = h[6]&0x0f|0x50, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// nameMAC is the same MAC address of VMware's range for the same name, every time.
func nameMAC(name string) string {
	h := sha1.Sum([]byte("maestro-demo\x00mac\x00" + name))
	return fmt.Sprintf("00:50:56:%02x:%02x:%02x", h[0]&0x3f|0x80, h[1], h[2])
}
