package reference

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, folder string) *Data {
	t.Helper()
	d, err := Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestShippedFiles(t *testing.T) {
	d := load(t, "")
	if len(d.Files) != 2 || !d.Files[0].Shipped || d.SupportFile().Entries < 30 || d.PriceFile().Entries < 30 || d.SupportFile().Date.After(time.Now()) {
		t.Errorf("files: %+v", d.Files)
	}
	for _, c := range []struct{ kind, name, version, until string }{
		{"server", "Ubuntu", "20.04", "2025-05-31"}, {"server", "Ubuntu 20.04.6 LTS", "", "2025-05-31"}, {"server", "Ubuntu", "24.04", "2029-05-31"}, {"server", "Ubuntu", "99.04", ""}, {"server", "SUSE Linux Enterprise Server 15 SP4", "", "2023-12-31"}, {"server", "SUSE Linux Enterprise Server", "12.5", "2024-10-31"}, {"server", "Rocky Linux", "9.4", "2032-05-31"}, {"database", "sqlserver", "15.0.4460", "2030-01-08"}, {"database", "oracle", "19c", "2029-12-31"}, {"database", "mariadb", "10.11.6", "2028-02-16"}, {"software", "nodejs", "18.19.0", "2025-04-30"},
		{"server", "Debian", "12.5", "2026-06-10"}, {"server", "debian", "1", ""}, {"server", "Red Hat Enterprise Linux", "8.10", "2029-05-31"},
		{"server", "Microsoft Windows Server 2019 (64-bit)", "", "2029-01-09"}, {"server", "Windows Server 2022 Standard", "10.0", "2031-10-14"},
		{"server", "VMware ESXi", "7.0.3", "2025-10-02"}, {"server", "", "20.04", ""}, {"database", "postgresql", "16.2", "2028-11-09"}, {"database", "postgresql", "160", ""},
		{"database", "mysql", "5.7.44", "2023-10-31"}, {"backing_service", "kubernetes", "v1.28.3", "2024-10-22"}, {"volume", "Ubuntu", "20.04", ""},
		{"server", "Microsoft Windows 10 (64-bit)", "", "2025-10-14"}, {"server", "Microsoft Windows 10 Pro", "10.0.19045.0", "2025-10-14"}, {"server", "Microsoft Windows 10 Enterprise LTSC", "10.0.17763.0", "2029-01-09"},
		{"server", "Microsoft Windows 10 Enterprise LTSC", "", ""}, {"server", "Windows", "10.0.17763", ""}, {"server", "Microsoft Windows 11 (64-bit)", "", ""},
		{"server", "Microsoft Windows 11 Pro", "10.0.22631.3007", "2025-11-11"}, {"server", "Microsoft Windows 11 Enterprise", "10.0.22631", "2026-11-10"}, {"server", "Microsoft Windows 11 Enterprise LTSC", "10.0.26100", "2029-10-09"},
		{"server", "VMware ESXi", "8.0.2", "2027-10-11"}, {"server", "Amazon Linux", "2", "2026-06-30"}, {"server", "Amazon", "2023.5.20240730", "2029-06-30"}, {"server", "Amazon Linux AMI", "2018.03", "2023-12-31"},
		{"software", "VMware vCenter Server", "8.0.3", "2027-10-11"}, {"software", "python3", "3.11.2-1", "2027-10-31"}, {"software", "Python", "3.1", ""}, {"software", "php-fpm", "8.1.29", "2025-12-31"},
		{"software", "nginx", "1.24.0", "2024-04-23"}, {"software", "nginx", "1.28.0", ""}, {"software", "Eclipse Temurin", "17.0.13+11", "2027-10-31"}, {"software", "Oracle JDK", "8 update 391", "2022-03-31"}, {"software", "Oracle JDK", "11.0.22", "2023-09-30"},
	} {
		e, ok := d.SupportOf(c.kind, c.name, c.version)
		if got := e.Until.Format(time.DateOnly); ok != (c.until != "") || ok && got != c.until {
			t.Errorf("%s %q %q: %v until %s, want %q", c.kind, c.name, c.version, ok, got, c.until)
		}
	}
	p, ok := d.PriceOf("aws", "us-east-1", "m5.large")
	if !ok || p.Currency != "USD" || p.Monthly < 70 || p.Monthly > 70.2 {
		t.Errorf("price: %+v %v", p, ok)
	}
	for _, c := range [][3]string{{"aws", "us-east-1", "m5.unknown"}, {"aws", "mars-1", "m5.large"}, {"azure", "us-east-1", "m5.large"}, {"aws", "us-east-1", ""}} {
		if p, ok := d.PriceOf(c[0], c[1], c[2]); ok {
			t.Errorf("%v costs %+v", c, p)
		}
	}
	if p, ok := d.PriceOf("azure", "westeurope", "Standard_E4s_v4"); !ok || p.Monthly < 200 || p.Monthly > 300 {
		t.Errorf("price: %+v %v", p, ok)
	}
	if (*Data)(nil).SupportFile().Version != "" {
		t.Error("no data has a version")
	}
}

func TestAFolderOfOnesOwn(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const prices = "version: ours\ndate: 2026-10-01\nsources: {deal: contract 7}\nentries:\n"
	write(PriceFile, prices+"  - {provider: aws, flavor: m5.large, monthly: 50, currency: EUR, source: deal}\n")
	d := load(t, dir)
	if p, ok := d.PriceOf("aws", "anywhere", "m5.large"); !ok || p.Monthly != 50 || p.Currency != "EUR" {
		t.Errorf("its own price: %+v", p)
	}
	if f := d.PriceFile(); f.Shipped || f.Version != "ours" || f.Label() != "prices ours" {
		t.Errorf("the file: %+v", f)
	}
	if f := d.SupportFile(); !f.Shipped {
		t.Errorf("what the folder has not is the shipped one: %+v", f)
	}
	for name, text := range map[string]string{
		"it wants a version":   "date: 2026-10-01\nentries: []\n",
		"it wants hourly":      prices + "  - {provider: aws, flavor: x, currency: EUR, source: deal}\n",
		"is not in sources":    prices + "  - {provider: aws, flavor: x, hourly: 1, currency: EUR, source: hearsay}\n",
		"a currency":           prices + "  - {provider: aws, flavor: x, hourly: 1, currency: gold, source: deal}\n",
		"unknown field":        prices + "  - {provder: aws}\n",
		"read reference data ": "{{{",
	} {
		write(PriceFile, text)
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A file can be tried before it is put into the folder; what it does not say any more is said to be gone.
func TestReplaced(t *testing.T) {
	d := load(t, "")
	next, entries, err := d.Replaced(SupportFile, []byte("version: ours\ndate: 2026-11-01\nsources: {us: contract}\nentries:\n"+
		"  - {product: Ubuntu, kind: server, name: ubuntu, version: \"20.04\", until: 2030-05-31, source: us}\n"+
		"  - {product: Home-made, kind: server, name: ours, version: \"1\", until: 2030-01-01, source: us}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := next.SupportOf("server", "Ubuntu", "20.04"); !ok || e.Day != "2030-05-31" {
		t.Errorf("%+v", e)
	}
	if e, _ := d.SupportOf("server", "Ubuntu", "20.04"); e.Day != "2025-05-31" {
		t.Errorf("trying changed the data: %+v", e)
	}
	if _, ok := next.PriceOf("aws", "us-east-1", "m5.large"); !ok || len(next.Files) != 2 || next.SupportFile().Version != "ours" {
		t.Errorf("files %+v", next.Files)
	}
	if len(entries) < 300 {
		t.Errorf("only %d entries differ", len(entries))
	}
	want := map[string]EntryChange{"server ubuntu 20.04": {Old: "2025-05-31", New: "2030-05-31"}, "server ours 1": {New: "2030-01-01"}, "server debian 12": {Old: "2026-06-10"}}
	for _, e := range entries {
		if w, ok := want[e.Entry]; ok && (e.Old != w.Old || e.New != w.New) {
			t.Errorf("%+v", e)
		}
		delete(want, e.Entry)
	}
	if len(want) > 0 {
		t.Errorf("not said: %v", want)
	}
	if _, same, err := d.Replaced(PriceFile, []byte("version: x\ndate: 2026-11-01\nsources: {a: b}\nentries: []\n")); err != nil || len(same) != d.PriceFile().Entries {
		t.Errorf("%d of %d prices are gone, %v", len(same), d.PriceFile().Entries, err)
	}
	for name, text := range map[string]string{"other.yaml": "version: x", SupportFile: "{{{", PriceFile: "version: x\ndate: 2026-11-01\nentries: [{provider: aws}]"} {
		if _, _, err := d.Replaced(name, []byte(text)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
