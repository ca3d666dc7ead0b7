package demo

import (
	"fmt"
	"math/rand/v2"
)

// sitePlan says what a datacenter is made of.
type sitePlan struct {
	name, city string
	subnet     string // the first two octets of its addresses
	clusters   []clusterPlan
	standalone string // a host outside any cluster
	networks   []networkPlan
	datastores []datastorePlan
}

type clusterPlan struct {
	name          string
	hosts         int
	vendor, model string
	cpu           string
	sockets       int16
	coresPerCPU   int16
	mhz           int32
	memoryGiB     int64
	drs, ha       bool
}

type networkPlan struct {
	name  string
	vlan  int32
	octet int    // third octet of its addresses
	trunk string // a range instead of one VLAN
}

type datastorePlan struct {
	name, kind  string
	capacityTiB int64
	ssd         bool
	nfs         string // server:/path
	cluster     string // empty: mounted everywhere
}

func plans() []sitePlan {
	return []sitePlan{
		{
			name: "Frankfurt", city: "fra", subnet: "10.10", standalone: "esx-mgmt01.fra.example.net",
			clusters: []clusterPlan{
				{name: "fra-prod", hosts: 5, vendor: "Dell Inc.", model: "PowerEdge R750", cpu: "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", sockets: 2, coresPerCPU: 32, mhz: 2000, memoryGiB: 1024, drs: true, ha: true},
				{name: "fra-dmz", hosts: 2, vendor: "HPE", model: "ProLiant DL360 Gen10", cpu: "Intel(R) Xeon(R) Silver 4214 CPU @ 2.20GHz", sockets: 2, coresPerCPU: 12, mhz: 2200, memoryGiB: 256, ha: true},
			},
			networks: []networkPlan{
				{name: "fra-web-110", vlan: 110, octet: 110}, {name: "fra-app-120", vlan: 120, octet: 120},
				{name: "fra-db-130", vlan: 130, octet: 130}, {name: "fra-dmz-200", vlan: 200, octet: 200},
				{name: "fra-mgmt-10", vlan: 10, octet: 10}, {name: "fra-trunk", trunk: "300-399"},
			},
			datastores: []datastorePlan{
				{name: "fra-vmfs-01", kind: "VMFS", capacityTiB: 80, ssd: true, cluster: "fra-prod"},
				{name: "fra-vmfs-02", kind: "VMFS", capacityTiB: 80, ssd: true, cluster: "fra-prod"},
				{name: "fra-dmz-01", kind: "VMFS", capacityTiB: 48, cluster: "fra-dmz"},
				{name: "fra-nfs-iso", kind: "NFS41", capacityTiB: 4, nfs: "nas01.fra.example.net:/export/iso"},
			},
		},
		{
			name: "London", city: "lon", subnet: "10.20",
			clusters: []clusterPlan{
				{name: "lon-prod", hosts: 4, vendor: "Lenovo", model: "ThinkSystem SR645", cpu: "AMD EPYC 7543 32-Core Processor", sockets: 2, coresPerCPU: 32, mhz: 2800, memoryGiB: 512, drs: true, ha: true},
				{name: "lon-dev", hosts: 3, vendor: "Supermicro", model: "SYS-1029P-WTR", cpu: "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz", sockets: 2, coresPerCPU: 16, mhz: 2100, memoryGiB: 384, drs: true},
			},
			networks: []networkPlan{
				{name: "lon-web-110", vlan: 110, octet: 110}, {name: "lon-app-120", vlan: 120, octet: 120},
				{name: "lon-db-130", vlan: 130, octet: 130}, {name: "lon-dev-400", vlan: 400, octet: 40},
			},
			datastores: []datastorePlan{
				{name: "lon-vsan", kind: "vsan", capacityTiB: 120, ssd: true, cluster: "lon-prod"},
				{name: "lon-dev-01", kind: "VMFS", capacityTiB: 64, cluster: "lon-dev"},
				{name: "lon-nfs-backup", kind: "NFS", capacityTiB: 100, nfs: "nas01.lon.example.net:/export/backup"},
			},
		},
	}
}

// guestOS is an operating system as vSphere knows it: configured, and as the guest tools report it.
type guestOS struct {
	id, family, name string
	detailed         string
}

var (
	ubuntu  = guestOS{"ubuntu64Guest", "linuxGuest", "Ubuntu Linux (64-bit)", "architecture='X86' bitness='64' distroName='Ubuntu' distroVersion='24.04' familyName='Linux' kernelVersion='6.8.0-41-generic' prettyName='Ubuntu 24.04.1 LTS'"}
	debian  = guestOS{"debian12_64Guest", "linuxGuest", "Debian GNU/Linux 12 (64-bit)", "architecture='X86' bitness='64' distroName='Debian GNU/Linux' distroVersion='12' familyName='Linux' kernelVersion='6.1.0-25-amd64' prettyName='Debian GNU/Linux 12 (bookworm)'"}
	rhel    = guestOS{"rhel9_64Guest", "linuxGuest", "Red Hat Enterprise Linux 9 (64-bit)", "architecture='X86' bitness='64' distroName='Red Hat Enterprise Linux' distroVersion='9.4' familyName='Linux' kernelVersion='5.14.0-427.el9.x86_64' prettyName='Red Hat Enterprise Linux 9.4 (Plow)'"}
	windows = guestOS{"windows2022srvNext_64Guest", "windowsGuest", "Microsoft Windows Server 2022 (64-bit)", "architecture='X86' bitness='64' buildNumber='20348' distroName='Windows' distroVersion='10.0' familyName='Windows' kernelVersion='20348.2655' prettyName='Windows Server 2022 Standard, 64-bit (Build 20348.2655)'"}
	suse    = guestOS{"sles15_64Guest", "linuxGuest", "SUSE Linux Enterprise 15 (64-bit)", ""}
	freebsd = guestOS{"freebsd14_64Guest", "otherGuestFamily", "FreeBSD 14 or later versions (64-bit)", ""}
)

// role is what a machine is for, and so how it is built.
type role struct {
	name      string
	share     int // how many of a hundred
	cpu       int32
	memoryMiB int64
	disksGiB  []int64
	network   string
	os        []guestOS
	owner     string
}

func roles() []role {
	return []role{
		{"web", 20, 2, 4096, []int64{40}, "web", []guestOS{ubuntu, debian}, "web-platform"},
		{"api", 16, 4, 8192, []int64{40}, "app", []guestOS{ubuntu}, "web-platform"},
		{"batch", 8, 8, 16384, []int64{60, 200}, "app", []guestOS{rhel}, "data"},
		{"db", 14, 8, 65536, []int64{60, 500, 200}, "db", []guestOS{rhel, suse}, "databases"},
		{"cache", 8, 2, 16384, []int64{40}, "app", []guestOS{ubuntu}, "web-platform"},
		{"queue", 6, 4, 8192, []int64{40, 100}, "app", []guestOS{debian}, "integration"},
		{"sap", 6, 16, 131072, []int64{100, 1024, 512}, "db", []guestOS{suse}, "erp"},
		{"file", 5, 4, 16384, []int64{80, 2048}, "app", []guestOS{windows}, "workplace"},
		{"ad", 4, 2, 8192, []int64{80}, "app", []guestOS{windows}, "workplace"},
		{"mon", 4, 4, 16384, []int64{40, 300}, "app", []guestOS{debian}, "operations"},
		{"build", 6, 8, 16384, []int64{200}, "app", []guestOS{ubuntu}, "engineering"},
		{"fw", 3, 2, 2048, []int64{16}, "web", []guestOS{freebsd}, "network"},
	}
}

// oddNames are machines as people really name them.
func oddNames() []string { // without a percent sign, which the simulator cannot take
	return []string{
		"DO NOT DELETE - ask Karin", "Kopie von web-01 (alt)", "zürich-migration", "test", "test (1)", "db-restore-2023-04-01",
		"法兰克福-备份", "jump & run", "vm with trailing blank ", "<img src=x onerror=alert(1)>", "legacy+crm", "o'brien-sandbox",
	}
}

// random is the demo's only source of chance: the same numbers at every start.
func random() *rand.Rand { return rand.New(rand.NewPCG(7, 4711)) }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// pickRole draws by the shares.
func pickRole(r *rand.Rand) role {
	n := r.IntN(100)
	for _, x := range roles() {
		if n -= x.share; n < 0 {
			return x
		}
	}
	return roles()[0]
}

func serialNumber(r *rand.Rand, vendor string) string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ0123456789"
	n := map[string]int{"Dell Inc.": 7, "HPE": 10, "Lenovo": 8}[vendor]
	if n == 0 {
		n = 15
	}
	out := make([]byte, n)
	for i := range out {
		out[i] = letters[r.IntN(len(letters))]
	}
	return string(out)
}

func address(subnet string, third, host int) string {
	return fmt.Sprintf("%s.%d.%d", subnet, third, host)
}
