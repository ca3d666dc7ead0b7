package host

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/common"
	"github.com/shirou/gopsutil/v4/disk"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// machine is where everything is read from: files below root, and the few calls that have no file.
type machine struct {
	root       string // "/" but in tests
	goos       string
	hostname   func() (string, error)
	interfaces func() ([]netInterface, error)
	// usage is the size of a mounted file system and what of it is in use.
	usage func(ctx context.Context, mountPoint string) (total, used int64, err error)
}

// netInterface is an interface as the operating system lists it.
type netInterface struct {
	net.Interface
	Addresses []*net.IPNet
}

func thisMachine() *machine {
	return &machine{root: "/", goos: runtime.GOOS, hostname: os.Hostname, interfaces: systemInterfaces, usage: systemUsage}
}

func systemUsage(ctx context.Context, mountPoint string) (total, used int64, err error) {
	u, err := disk.UsageWithContext(ctx, mountPoint)
	if err != nil {
		return 0, 0, err
	}
	return int64(u.Total), int64(u.Used), nil
}

func systemInterfaces() ([]netInterface, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	out := make([]netInterface, 0, len(list))
	for _, i := range list {
		addresses, err := i.Addrs()
		if err != nil {
			continue // it went away between the two calls
		}
		n := netInterface{Interface: i}
		for _, a := range addresses {
			if ip, ok := a.(*net.IPNet); ok {
				n.Addresses = append(n.Addresses, ip)
			}
		}
		out = append(out, n)
	}
	return out, nil
}

func (m *machine) path(name string) string { return filepath.Join(m.root, name) }

// withRoot lets gopsutil read below root as well.
func (m *machine) withRoot(ctx context.Context) context.Context {
	if m.root == "/" {
		return ctx
	}
	return context.WithValue(ctx, common.EnvKey, common.EnvMap{
		common.HostProcEnvKey: m.path("/proc"), common.HostSysEnvKey: m.path("/sys"), common.HostEtcEnvKey: m.path("/etc"),
		common.HostRootEnvKey: m.root, common.HostDevEnvKey: m.path("/dev"), common.HostVarEnvKey: m.path("/var"), common.HostRunEnvKey: m.path("/run"),
	})
}

// text is a file's content without white space around it, or nothing. Most of what /proc and /sys could say is
// missing on one machine or another, so its absence is no error.
func (m *machine) text(name string) string {
	b, err := os.ReadFile(m.path(name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(b), "�"))
}

func (m *machine) number(name string) int64 {
	n, err := strconv.ParseInt(m.text(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (m *machine) exists(name string) bool {
	_, err := os.Stat(m.path(name))
	return err == nil
}

// entries are the names in a folder, sorted.
func (m *machine) entries(name string) []string {
	list, err := os.ReadDir(m.path(name))
	if err != nil {
		return nil
	}
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = e.Name()
	}
	return out
}

// inContainer says whether this is a container. A file that image builders leave behind is not enough: machines
// are made of such images too.
func (m *machine) inContainer() bool {
	if m.exists("/run/.containerenv") || strings.Contains("\x00"+m.text("/proc/1/environ"), "\x00container=") {
		return true
	}
	cgroup := m.text("/proc/1/cgroup")
	for _, sign := range []string{"docker", "kubepods", "containerd", "/lxc", "libpod"} {
		if strings.Contains(cgroup, sign) {
			return true
		}
	}
	if !m.exists("/.dockerenv") {
		return false
	}
	mounts, err := m.mounts()
	if err != nil {
		return false
	}
	for _, mount := range mounts {
		if mount.point == "/" {
			return mount.fileSystem == "overlay"
		}
	}
	return false
}

// id names this machine within its connection: the machine id, or the host name where there is none. It is the
// first part of every external id, so that a connection that moves to another agent does not mix up two machines.
func (m *machine) id() (string, error) {
	if id := m.machineID(); id != "" && !m.inContainer() {
		return id, nil
	}
	name, err := m.hostname()
	if err == nil && name == "" {
		err = errors.New("the machine has neither machine id nor host name")
	}
	return name, err
}

func (m *machine) machineID() string {
	for _, name := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if id, ok := schema.NormalizeIdentifier("machine_id", m.text(name)); ok {
			return id
		}
	}
	return ""
}

// dmiIdentifiers are the serial number and UUID of the mainboard, or the names of those that are there but may
// not be read.
func (m *machine) dmiIdentifiers() (found []resource.Identifier, unread []string) {
	if m.inContainer() {
		return nil, nil
	}
	read := func(file, typ string) string {
		b, err := os.ReadFile(m.path("/sys/class/dmi/id/" + file))
		if errors.Is(err, fs.ErrPermission) {
			unread = append(unread, "/identifiers/"+typ)
		}
		return strings.TrimSpace(string(b))
	}
	uuid, serial := read("product_uuid", "bios_uuid"), read("product_serial", "serial")
	// VMware writes the UUID into the serial number byte by byte, while firmware and kernels disagree on the byte
	// order of product_uuid.
	if rest, ok := strings.CutPrefix(serial, "VMware-"); ok {
		if v, ok := schema.NormalizeIdentifier("bios_uuid", rest); ok {
			uuid = v
		}
	}
	found = identifier(found, "bios_uuid", uuid)
	return identifier(found, "serial", serial), unread
}
